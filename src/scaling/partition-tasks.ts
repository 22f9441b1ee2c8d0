/** Task ids whose history has a partition together. Bounds of partitions are multiples of it. */
export const PARTITION_TASKS = 1_000_000;
