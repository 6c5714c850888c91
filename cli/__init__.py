"""The `bigdata` command: the laptop's cloud, and jobs in whichever cloud the shell talks to."""
