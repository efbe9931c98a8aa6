import { once } from "node:events"
import { finished } from "node:stream/promises"
import type { Client } from "pg"
import { from as copyFrom } from "pg-copy-streams"

/** A value of a row for COPY. Null is SQL's null, and bytes are a `bytea`. Texts need no escapes: no backslash, tab or line break. */
export type CopyValue = string | number | boolean | Uint8Array | null

/** The rows of a table. */
export interface CopyRows {
  readonly table: string
  readonly columns: ReadonlyArray<string>
  readonly rows: Iterable<ReadonlyArray<CopyValue>>
}

// A backslash in the text format of COPY is written twice.
const textOf = (value: CopyValue): string | number | boolean => {
  if (value === null) return String.raw`\N`
  return value instanceof Uint8Array ? String.raw`\\x${Buffer.from(value).toString("hex")}` : value
}

// Larger chunks do not make it faster.
const chunkLength = 65_536

/** Copies the rows into the table in one statement, and returns their number. */
export const copy = async (
  client: Client,
  { columns, rows, table }: CopyRows,
  onProgress: (rows: number) => void
): Promise<number> => {
  const stream = client.query(copyFrom(`copy ${table} (${columns.join(", ")}) from stdin`))
  const done = finished(stream)
  // An error ends the loop below by the drain that it waits for, and is thrown by the last line.
  const failed = done.catch(() => undefined)
  let [count, chunk] = [0, ""]
  for (const row of rows) {
    chunk += `${row.map(textOf).join("\t")}\n`
    count++
    if (chunk.length < chunkLength) continue
    const isFull = !stream.write(chunk)
    chunk = ""
    onProgress(count)
    if (isFull && !stream.destroyed) await Promise.race([once(stream, "drain"), failed])
    if (stream.destroyed) break
  }
  stream.end(chunk)
  await done
  return count
}
