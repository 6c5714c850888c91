"""What a finished job has to say for itself; pure functions of what the stages left.

agreement      do the two Spark pipelines say the same?
engine_check   does Spark confirm the normalization?
comparison     which pipeline is faster, and how sure is that?
quality        how good are the data?
prices, cost   what has it cost, by stage and by record?
report         all of it as one document
"""
