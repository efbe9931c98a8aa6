import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import type { DeadLetterFilter } from "@user-service/core/dead-letters/DeadLettersRepo"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import type { DeadLetterId } from "@user-service/domain/DeadLetter"
import { Effect, Layer, Option, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import * as Database from "./Database.ts"

/** The command selects no dead letters. All must be selected explicitly. */
export class EmptySelection extends Schema.TaggedError<EmptySelection>()("EmptySelection", {}) {
  override get message() {
    return "Name dead letters by their ids, by --reason, or all of them by --all"
  }
}

/** {@link DeadLetters} of the configured database. */
export const layer = DeadLetters.layer.pipe(
  Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Digest.layerWebCrypto]),
  Layer.provideMerge(Database.layer)
)

interface Filter {
  readonly ids: ReadonlyArray<DeadLetterId>
  readonly reason: Option.Option<string>
}

/** The dead letters that a command changes. */
export interface Selection extends Filter {
  readonly all: boolean
  readonly limit: number
}

export const filterOf = ({ ids, reason }: Filter): DeadLetterFilter => ({
  ...(ids.length > 0 ? { ids } : {}),
  ...(Option.isSome(reason) ? { reason: reason.value } : {})
})

/** Finds the selected dead letters. A message that is dead-lettered again gets a new id and is not among them. */
export const find = Effect.fnUntraced(function* ({ all, limit, ...filter }: Selection) {
  yield* requireMigrated
  if (!all && filter.ids.length === 0 && Option.isNone(filter.reason)) return yield* new EmptySelection()
  return yield* DeadLetters.use((letters) => letters.find(filterOf(filter), limit))
})

/** `1 dead letter`, `2 dead letters`. */
export const formatCount = (count: number): string => `${count} dead letter${count === 1 ? "" : "s"}`
