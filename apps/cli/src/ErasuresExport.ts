import { ErasureExports } from "@user-service/core/erasures/ErasureExports"
import type { PastErasure } from "@user-service/core/erasures/ErasuresRepo"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import { Array, Console, DateTime, Effect, Layer, Option, Order, Stream } from "effect"
import * as Database from "./Database.ts"
import * as ErasureFile from "./ErasureFile.ts"

/** {@link ErasureExports} of the configured database. */
export const layer = ErasureExports.layer.pipe(Layer.provide(Storage.layer), Layer.provideMerge(Database.layer))

// The times are those of processes whose clocks may be wrong, and a transaction may commit after a later one.
const overlap = { days: 30 }

const epoch = DateTime.makeUnsafe(0)

const byTime = Order.mapInput(Order.Number, ({ erasedAt }: PastErasure) => DateTime.toEpochMillis(erasedAt))

// A time in the future, of a clock that was ahead, must not hide the erasures until then.
const beginning = (known: ReadonlyArray<PastErasure>, now: DateTime.Utc): DateTime.Utc => {
  const past = known.filter(({ erasedAt }) => DateTime.isLessThanOrEqualTo(erasedAt, now))
  return Array.isReadonlyArrayNonEmpty(past) ? DateTime.subtract(Array.max(past, byTime).erasedAt, overlap) : epoch
}

const complete = Effect.fnUntraced(function* (path: string, since: Option.Option<DateTime.Utc>) {
  const isThere = yield* ErasureFile.exists(path)
  const known = isThere ? yield* ErasureFile.read(path) : []
  const ids = new Set(known.map(({ userId }) => userId))
  const { since: erasuresSince } = yield* ErasureExports
  const now = yield* DateTime.now
  const from = Option.getOrElse(since, () => beginning(known, now))
  const added = yield* Stream.runCollect(Stream.filter(erasuresSince(from), ({ userId }) => !ids.has(userId)))
  // A file that has everything is not touched.
  if (added.length > 0 || !isThere) yield* ErasureFile.write(path, [...known, ...added])
  yield* Console.log(`Erasures added to ${path}: ${added.length}, in all: ${known.length + added.length}`)
})

const print = (since: DateTime.Utc) =>
  Effect.flatMap(ErasureExports, (exports) =>
    Stream.runForEach(exports.since(since), (erasure) => Console.log(ErasureFile.formatLine(erasure).trimEnd()))
  )

interface Input {
  readonly file: Option.Option<string>
  readonly since: Option.Option<DateTime.Utc>
}

/** Prints the erasures, or adds those to a file that it does not have. Removes none from the file. */
export const run = Effect.fnUntraced(function* ({ file, since }: Input) {
  yield* requireMigrated
  yield* Option.match(file, {
    onNone: () => print(Option.getOrElse(since, () => epoch)),
    onSome: (path) => complete(path, since)
  })
})
