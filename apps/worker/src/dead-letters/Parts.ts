/** The items in their order, in parts of so many bytes at most; one that is larger is a part alone. */
export const inParts = <A>(
  items: ReadonlyArray<A>,
  sizeOf: (item: A) => number,
  most: number
): ReadonlyArray<ReadonlyArray<A>> => {
  const parts: Array<Array<A>> = []
  let bytes = Infinity
  for (const item of items) {
    const size = sizeOf(item)
    bytes += size
    if (bytes <= most) parts.at(-1)?.push(item)
    else {
      parts.push([item])
      bytes = size
    }
  }
  return parts
}
