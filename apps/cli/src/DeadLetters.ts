import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import type { DeadLetterFilter } from "@user-service/core/dead-letters/DeadLettersRepo"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import type { DeadLetterId } from "@user-service/domain/DeadLetter"
import { Effect, Layer, Option, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import * as Database from "./Database.ts"

/** A call that means all dead letters has to say so. */
export class NoneNamed extends Schema.TaggedError<NoneNamed>()("NoneNamed", {}) {
  override get message() {
    return "Name dead letters by their ids, by --reason, or all of them by --all"
  }
}

/** The dead letters of the database that the environment names. */
export const layer = DeadLetters.layer.pipe(
  Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Digest.layerWebCrypto]),
  Layer.provideMerge(Database.layer)
)

interface Named {
  readonly ids: ReadonlyArray<DeadLetterId>
  readonly reason: Option.Option<string>
}

/** Those that a command is to change. */
export interface Some extends Named {
  readonly all: boolean
  readonly limit: number
}

export const whichOf = (named: Named): DeadLetterFilter => ({
  ...(named.ids.length > 0 ? { ids: named.ids } : {}),
  ...(Option.isSome(named.reason) ? { reason: named.reason.value } : {})
})

/** Those that the call names. What dies again meanwhile has another id, and is not among them. */
export const findSome = Effect.fnUntraced(function* (named: Some) {
  yield* requireMigrated
  if (!named.all && named.ids.length === 0 && Option.isNone(named.reason)) return yield* new NoneNamed()
  return yield* DeadLetters.use((letters) => letters.find(whichOf(named), named.limit))
})

/** `1 dead letter`, `2 dead letters`. */
export const counted = (count: number): string => `${count} dead letter${count === 1 ? "" : "s"}`
