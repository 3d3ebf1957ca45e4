"""A person's work that a command would replace: found, told in words, and asked about before it is gone.

What the last capture, emission or initialization wrote can be written again; what somebody changed since, trained or
brought along cannot. Every writer records what it wrote: an artifact in `captured_from.artifact_sha256`, a parameter
file in its metadata, a generated module in its header. So no list of files has to be kept, and a checkout in another
place knows as much.
"""
