import * as Storage from "@user-service/database/Storage"
import { type DeadLetter, DeadLetterId } from "@user-service/domain/DeadLetter"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, DateTime, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { Base64, Hex } from "effect/encoding"
import { type DeadContent, DeadLettersRepo, type StoredLetter, type DeadLetterFilter } from "./DeadLettersRepo.ts"

/** A message, and why it is dead. */
export interface NewDeadLetter {
  /** Where it was to be dealt with. */
  readonly queue: string
  readonly reason: string
  readonly routingKey: string
  readonly messageId?: string
  readonly contentType?: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** How much waits for an operator. */
export interface DeadLetterBacklog {
  /** Counted to a million. */
  readonly count: number
  /** How long the first of them has been. */
  readonly seconds: number
}

// All that RabbitMQ 4 takes, unless told to. Of more only this is kept, which nobody can read anyway.
const mostBytes = 16 * 1024 * 1024
const mostCounted = 1_000_000
const maxReason = 100

/** Messages that could never be dealt with, kept until an operator replays or discards them, or they are too old. */
export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** Keeps them, as one transaction. One that comes again, or says the same under the same id, is there once. */
    readonly keep: (dead: ReadonlyArray<NewDeadLetter>) => Effect.Effect<void, ServiceUnavailable>
    /** In the order in which they came. */
    readonly find: (
      which: DeadLetterFilter,
      limit: number
    ) => Effect.Effect<ReadonlyArray<DeadLetter>, ServiceUnavailable>
    /** What they say, up to so many bytes each; it may be secret. Those that are gone are left out. */
    readonly contents: (
      ids: ReadonlyArray<DeadLetterId>,
      mostBytes?: number
    ) => Effect.Effect<ReadonlyArray<DeadContent>, ServiceUnavailable>
    /** Answers how many there were. One that came again meanwhile has another id, and stays. */
    readonly remove: (ids: ReadonlyArray<DeadLetterId>) => Effect.Effect<number, ServiceUnavailable>
    readonly waiting: Effect.Effect<DeadLetterBacklog, ServiceUnavailable>
    /** Deletes `limit` at most of those that came before; answers how many. */
    readonly removeReceived: (before: DateTime.Utc, limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/dead-letters/DeadLetters") {
  static readonly layerNoDeps = Layer.effect(
    DeadLetters,
    Effect.gen(function* () {
      const repo = yield* DeadLettersRepo
      const storage = yield* Storage.Storage
      const random = yield* SecureRandom.SecureRandom
      const digest = yield* Digest.Digest

      const letterOf = Effect.fnUntraced(function* (dead: NewDeadLetter) {
        const { body, contentType, headers, messageId, queue, reason, routingKey } = dead
        const letter: StoredLetter = {
          id: DeadLetterId.make(yield* random.uuidV7()),
          digest: yield* digest.digest(Digest.sha256, identityOf(dead)),
          queue,
          reason: plain(reason).slice(0, maxReason) || "unknown",
          routingKey: plain(routingKey),
          messageId: messageId === undefined ? null : plain(messageId),
          contentType: contentType === undefined ? null : plain(contentType),
          headers: JSON.stringify(headers, jsonOf),
          body: body.subarray(0, mostBytes),
          size: body.length
        }
        return letter
      })

      return {
        keep: Effect.fn("DeadLetters.keep")(function* (dead: ReadonlyArray<NewDeadLetter>) {
          const letters = yield* Effect.forEach(dead, letterOf)
          const unique = [...new Map(letters.map((letter) => [Hex.encode(letter.digest), letter])).values()]
          if (Array.isArrayNonEmpty(unique)) yield* storage.write(repo.insert(unique, yield* DateTime.now))
        }),
        find: Effect.fn("DeadLetters.find")(function* (which: DeadLetterFilter, limit: number) {
          return yield* storage.read(repo.find(which, limit))
        }),
        contents: Effect.fn("DeadLetters.contents")(function* (ids: ReadonlyArray<DeadLetterId>, most = mostBytes) {
          return yield* storage.read(repo.contents(ids, most))
        }),
        remove: Effect.fn("DeadLetters.remove")(function* (ids: ReadonlyArray<DeadLetterId>) {
          return yield* storage.write(repo.remove(ids))
        }),
        waiting: Effect.gen(function* () {
          const { oldest, waiting } = yield* storage.read(repo.waiting(mostCounted))
          const { epochMilliseconds: now } = yield* DateTime.now
          const seconds = oldest === null ? 0 : Math.max(0, (now - oldest.epochMilliseconds) / 1000)
          return { count: waiting, seconds }
        }),
        removeReceived: Effect.fn("DeadLetters.removeReceived")(function* (before: DateTime.Utc, limit: number) {
          return yield* storage.write(repo.removeReceived(before, limit))
        })
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(DeadLettersRepo.layer))
}

const encoder = new TextEncoder()

// Neither the headers, of which the broker writes some, nor where it was sent first.
const identityOf = ({ body, messageId = "", queue, routingKey }: NewDeadLetter): Uint8Array => {
  const name = encoder.encode(JSON.stringify([queue, routingKey, messageId]))
  const identity = new Uint8Array(name.length + body.length)
  identity.set(name)
  identity.set(body, name.length)
  return identity
}

// PostgreSQL has no text with a NUL, nor of half a character.
const plain = (text: string): string => text.replaceAll("\0", "\uFFFD").toWellFormed()

const jsonOf = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? Base64.encode(value) : value)
