"""What the parts of the pipeline say to each other, in the standard library alone.

Every artefact (the Lambda zip, the Batch container, the Spark job) ships this package, so a
document is written and read by the same classes everywhere:

    manifest   which objects and versions a dataset consists of, and how to read them
    spec       what one attempt of a stage is told
    marker     what an attempt leaves last: its files and how it ended
    metrics    what the normalization and the Spark runs measured
    moments    count, mean, M2, min and max of one column, mergeable
    summary    what both Spark pipelines compute
    report     what the analysis leaves for people
    problem    why something ended badly, in words a person can act on
"""
