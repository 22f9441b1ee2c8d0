/** Links to the queues that a process serves. */
export function QueueTags({ queues }: { queues: readonly string[] }) {
  return (
    <span class="chips">
      {queues.map((queue) => (
        <a key={queue} class="tag" href={`queues/${encodeURIComponent(queue)}`}>
          {queue}
        </a>
      ))}
    </span>
  );
}
