"""A Spark session that loads the classes which the Spark jobs will load; run by spark-submit."""

from pathlib import Path

from pyspark.sql import SparkSession, functions

spark = SparkSession.builder.appName("class archive").getOrCreate()
frame = spark.range(1000).select(
    (functions.col("id") % 3).cast("string").alias("name"),
    functions.rand(1).alias("x"),
    functions.rand(2).alias("y"),
)
path = str(Path("numbers.parquet").resolve())
frame.write.parquet(path)
numbers = spark.read.parquet(path)
numbers.groupBy("name").agg(
    functions.count("x"),
    functions.avg("x"),
    functions.stddev_pop("x"),
    functions.min("x"),
    functions.max("x"),
    functions.sum(functions.when(functions.abs("x") > 3, 1).otherwise(0)),
    functions.corr("x", "y"),
).orderBy("name").collect()
pairs = numbers.rdd.map(lambda row: (row.name, row.x))
pairs.aggregateByKey(0.0, lambda a, b: a + b, lambda a, b: a + b).collect()
spark.sparkContext.parallelize(range(100), 2).mapPartitions(lambda part: [sum(part)]).collect()
spark.stop()
