/** Splits the items, in order, into chunks of at most `maxBytes`. An item that is larger is a chunk of its own. */
export const chunksBySize = <A>(
  items: ReadonlyArray<A>,
  sizeOf: (item: A) => number,
  maxBytes: number
): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<Array<A>> = []
  let bytes = Infinity
  for (const item of items) {
    const size = sizeOf(item)
    bytes += size
    if (bytes <= maxBytes) chunks.at(-1)?.push(item)
    else {
      chunks.push([item])
      bytes = size
    }
  }
  return chunks
}
