"""Great Expectations suites, one module a stage, and the gate that runs them.

Importing this package or the suite modules costs nothing; Great Expectations itself (about 6 s) is imported when a gate runs.
"""
