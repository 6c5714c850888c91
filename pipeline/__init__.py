"""The core of the pipeline: what a job is, what happens next, and the AWS services beside it.

Pure: `model`, `messages`, `plan`, `document`, `dataset`, `text`. At the edge, each around boto3
clients that it is given: `store` (DynamoDB), `objects` (S3), `work_queue` (SQS), `compute` (Batch,
EMR Serverless, Lambda). `settings` types the environment, `bootstrap` builds everything from it.
"""
