"""What is fast, against what: `python -m benchmarks` measures ratios against what users have today."""
