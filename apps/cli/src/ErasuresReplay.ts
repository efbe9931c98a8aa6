import { ErasureReplays } from "@user-service/core/erasures/ErasureReplays"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Array, Console, Effect, Layer, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import * as Database from "./Database.ts"
import * as ErasureFile from "./ErasureFile.ts"
import * as KeyFile from "./KeyFile.ts"
import * as Progress from "./Progress.ts"

/** The database refused or did not answer. What was erased until then stays erased. */
export class ReplayStopped extends Schema.TaggedError<ReplayStopped>()("ReplayStopped", {
  done: Schema.Int,
  total: Schema.Int
}) {
  override get message() {
    return `The database did not answer after ${this.done} of ${this.total} erasures: repeat the replay, which continues there`
  }
}

/** {@link ErasureReplays} of the configured database. It needs the keys of the API, because failed logins are stored by keyed hashes. */
export const layer = ErasureReplays.layerUncached.pipe(
  Layer.provide([Layer.provide(KeyedHashes.layer, KeyFile.layerKeys), CredentialRefusals.layer]),
  Layer.provide([Storage.layer, SecureRandom.layerWebCrypto]),
  Layer.provideMerge(Database.layer)
)

const batchSize = 1000

const states = ["present", "erased", "unknown"] as const

const report = (counts: Record<(typeof states)[number], number>, isDryRun: boolean): ReadonlyArray<string> =>
  [
    ["Erasures in the file:", counts.present + counts.erased + counts.unknown] as const,
    [isDryRun ? "  to erase again:" : "  erased again:", counts.present] as const,
    ["  erased here already:", counts.erased] as const,
    [isDryRun ? "  unknown here, to record:" : "  unknown here, recorded:", counts.unknown] as const
  ].map(([label, count]) => `${label.padEnd(28)}${count}`)

interface Input {
  readonly file: string
  readonly dryRun: boolean
}

/** Erases the users of the file who are in the database, or only counts them. Safe to repeat, and to end at any time. */
export const run = Effect.fnUntraced(function* ({ dryRun, file }: Input) {
  // A file may be joined from several exports.
  const byUser = new Map((yield* ErasureFile.read(file)).map((erasure) => [erasure.userId, erasure]))
  const erasures = [...byUser.values()]
  yield* requireMigrated
  const replays = yield* ErasureReplays
  const progress = yield* Progress.make({ total: erasures.length, unit: "erasures" })
  const counts = { present: 0, erased: 0, unknown: 0 }
  let done = 0
  yield* Effect.forEach(
    Array.chunksOf(erasures, batchSize),
    Effect.fnUntraced(function* (batch) {
      const classified = yield* replays.classify(batch)
      if (!dryRun) yield* replays.replay(classified)
      for (const state of states) counts[state] += classified[state].length
      done += batch.length
      yield* progress.update(done)
    }),
    { discard: true }
  ).pipe(
    Effect.mapError(() => new ReplayStopped({ done, total: erasures.length })),
    Effect.ensuring(progress.end)
  )
  for (const line of report(counts, dryRun)) yield* Console.log(line)
})
