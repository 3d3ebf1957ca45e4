"""Long work in a separate worker process, so that a user's code can neither block nor break the parent.

Importing this package imports nothing but the standard library: what a job needs is imported by its worker.
"""

from torchlean_core.jobs.errors import JobCancelled, JobDied, JobError, JobTimeout
from torchlean_core.jobs.names import JOBS
from torchlean_core.jobs.run import run_job
from torchlean_core.jobs.warm import WarmWorker

__all__ = ["JOBS", "JobCancelled", "JobDied", "JobError", "JobTimeout", "WarmWorker", "run_job"]
