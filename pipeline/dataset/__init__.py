"""What a dataset is and whether it can be worked with: pure rules, no AWS.

    identity     which job an upload belongs to
    options      what the uploader asked for
    folder       which files a folder consists of, and when it has arrived
    description  what one file holds: sample → content → delimited, json_lines or parquet
    selection    which columns are normalized and grouped by
    assembly     the manifest of all the files together

Whatever is the uploader's fault is raised as InputRejected.
"""
