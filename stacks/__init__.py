"""The infrastructure in flow order: storage, compute, pipeline, api, observability."""
