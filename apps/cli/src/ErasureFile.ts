// The file that `erasures export` writes and `erasures replay` reads (decision 0037).
import type { PastErasure } from "@user-service/core/erasures/ErasuresRepo"
import { messageOf } from "@user-service/domain/Folders"
import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { UserId } from "@user-service/domain/User"
import { Array, DateTime, Effect, FileSystem, Path, Result, Schema } from "effect"
import { crc32 } from "node:zlib"

/** The file cannot be read or written. */
export class ErasureFileUnusable extends Schema.TaggedError<ErasureFileUnusable>()("ErasureFileUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `Cannot use ${this.path}: ${this.problem}`
  }
}

const shownLines = 10

/** Lines of the file are not as the export wrote them. */
export class ErasureFileDamaged extends Schema.TaggedError<ErasureFileDamaged>()("ErasureFileDamaged", {
  path: Schema.String,
  lines: Schema.Array(Schema.Int)
}) {
  override get message() {
    const shown = this.lines.slice(0, shownLines).join(", ")
    const more = this.lines.length > shownLines ? ` and ${this.lines.length - shownLines} more` : ""
    const damaged = this.lines.length === 1 ? `line ${shown} is` : `lines ${shown}${more} are`
    return (
      `${this.path}: ${damaged} damaged, and nothing was done. Take the file from another copy. A line that no copy has whole ` +
      "can be deleted: its user is then not erased again"
    )
  }
}

const checksumOf = (text: string): string => crc32(text).toString(16).padStart(8, "0")

/** The line of an erasure, with its line break: id, time and CRC-32 of both. */
export const formatLine = ({ erasedAt, userId }: PastErasure): string => {
  const text = `${userId} ${DateTime.formatIso(erasedAt)}`
  return `${text} ${checksumOf(text)}\n`
}

const decodeId = Schema.decodeUnknownResult(UserId)
const decodeTime = Schema.decodeUnknownResult(Rfc3339)

// Fails with the line's number.
const parseLine = (line: string, index: number): Result.Result<PastErasure, number> => {
  const [id, time, checksum, ...others] = line.split(" ")
  const erasure = Result.all({ userId: decodeId(id), erasedAt: decodeTime(time) })
  return Result.isSuccess(erasure) && others.length === 0 && checksum === checksumOf(`${id} ${time}`)
    ? Result.succeed(erasure.success)
    : Result.fail(index + 1)
}

const unusable = (path: string) =>
  Effect.mapError(
    (error: Parameters<typeof messageOf>[0]) => new ErasureFileUnusable({ path, problem: messageOf(error) })
  )

/** Reads the erasures of a file. Fails with the numbers of all lines that are damaged, the last one without its line break included. */
export const read = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* unusable(path)(files.readFileString(path))
  const lines = text.split("\n")
  // The text after the last line break, empty unless the file was cut off.
  const rest = lines.pop() ?? ""
  const [erasures, damaged] = Array.partition([...lines, ...(rest === "" ? [] : [`${rest} cut off`])], parseLine)
  if (damaged.length > 0) return yield* new ErasureFileDamaged({ path, lines: damaged })
  return erasures
})

/** Whether the file exists. */
export const exists = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  return yield* unusable(path)(files.exists(path))
})

/**
 * Replaces the file atomically: killed at any moment, or without space, it is the old or the new one, and it is on the disk when this
 * returns. A new file is accessible to its owner only, an existing one keeps its mode, and a link its target.
 */
export const write = Effect.fnUntraced(function* (path: string, erasures: ReadonlyArray<PastErasure>) {
  const files = yield* FileSystem.FileSystem
  const { basename, dirname, join } = yield* Path.Path
  yield* unusable(path)(
    Effect.gen(function* () {
      const isThere = yield* files.exists(path)
      const target = isThere ? yield* files.realPath(path) : path
      const temporary = yield* files.makeTempDirectoryScoped({
        directory: dirname(target),
        prefix: `.${basename(target)}-`
      })
      const from = join(temporary, "new")
      const file = yield* files.open(from, { flag: "wx", mode: 0o600 })
      yield* file.writeAll(new TextEncoder().encode(erasures.map(formatLine).join("")))
      if (isThere) yield* files.chmod(from, (yield* files.stat(target)).mode & 0o777)
      yield* file.sync
      yield* files.rename(from, target)
      yield* Effect.flatMap(files.open(dirname(target)), (folder) => folder.sync)
    }).pipe(Effect.scoped)
  )
})
