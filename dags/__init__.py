"""When things run: one module for each schedule, and `stages`, the tasks they share."""
