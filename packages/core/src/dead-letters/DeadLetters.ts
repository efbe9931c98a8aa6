import { isEmbedded } from "@user-service/database/Embedded"
import * as Storage from "@user-service/database/Storage"
import { type DeadLetter, DeadLetterId } from "@user-service/domain/DeadLetter"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, DateTime, Effect, Layer, Option } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { Base64, Hex } from "effect/encoding"
import { SqlClient, type SqlError } from "effect/sql"
import { secondsSince } from "../Age.ts"
import {
  type DeadLetterContent,
  DeadLettersRepo,
  type DeadLetterRow,
  type DeadLetterFilter
} from "./DeadLettersRepo.ts"

/** A dead-lettered message with the reason. */
export interface NewDeadLetter {
  /** The queue from which the message was dead-lettered. */
  readonly queue: string
  readonly reason: string
  readonly routingKey: string
  readonly messageId?: string
  readonly contentType?: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** The dead letters that wait for an operator. */
export interface DeadLetterBacklog {
  /** At most a million: the count stops there. */
  readonly count: number
  /** The age of the oldest one. */
  readonly seconds: number
  /** The age of the oldest request of staff to replay one. Zero if there is none. */
  readonly replaySeconds: number
}

/** The result of a turn of replays: the number of letters published and deleted, and of those that were not. */
export interface ReplayTurn {
  readonly replayed: number
  readonly left: number
  /** The last letter of the turn, for the next one. None if there was no letter. */
  readonly last: Option.Option<DeadLetterId>
}

// The default maximal message size of RabbitMQ 4. Larger bodies are cut to it.
const maxBytes = 16 * 1024 * 1024
const maxCount = 1_000_000
const maxReason = 100

// As in the worker's publisher of dead letters: the confirms of more bytes may take longer than the confirm timeout.
const maxReplayedBytes = 4 * 1024 * 1024

/** Messages that no consumer could handle, stored until an operator replays or discards them or their retention ends. */
export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /**
     * Stores the messages in one transaction. A redelivered message, or an equal one with the same id, is stored once. One that
     * contains the id of an erased user is not kept: the erasure has already searched the letters.
     */
    readonly keep: (dead: ReadonlyArray<NewDeadLetter>) => Effect.Effect<void, ServiceUnavailable>
    /** The oldest dead letters first. */
    readonly find: (
      filter: DeadLetterFilter,
      limit: number
    ) => Effect.Effect<ReadonlyArray<DeadLetter>, ServiceUnavailable>
    /** The contents, which may be secret, with bodies cut to `maxBytes`. Unknown ids are left out. */
    readonly contents: (
      ids: ReadonlyArray<DeadLetterId>,
      maxBytes?: number
    ) => Effect.Effect<ReadonlyArray<DeadLetterContent>, ServiceUnavailable>
    /** Returns the number of deleted letters. A message dead-lettered again since then has a new id and stays. */
    readonly remove: (ids: ReadonlyArray<DeadLetterId>) => Effect.Effect<number, ServiceUnavailable>
    /**
     * Takes letters whose replay staff requested, in the order of their ids after `last`, passes them to `publish`, and deletes
     * those whose ids `publish` returns. All of this is one transaction of at most five seconds: a worker that dies has published
     * more letters than are deleted, never fewer. A letter belongs to one worker at a time.
     */
    readonly replayRequested: <E, R>(
      last: Option.Option<DeadLetterId>,
      publish: (
        letters: Array.NonEmptyReadonlyArray<DeadLetterContent>
      ) => Effect.Effect<ReadonlyArray<DeadLetterId>, E, R>
    ) => Effect.Effect<ReplayTurn, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    readonly waiting: Effect.Effect<DeadLetterBacklog, ServiceUnavailable>
    /** Deletes at most `limit` letters received before `before` and returns their number. */
    readonly removeReceived: (before: DateTime.Utc, limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/dead-letters/DeadLetters") {
  static readonly layerNoDeps = Layer.effect(
    DeadLetters,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* DeadLettersRepo
      const storage = yield* Storage.Storage
      const random = yield* SecureRandom.SecureRandom
      const digest = yield* Digest.Digest

      const letterOf = Effect.fnUntraced(function* (dead: NewDeadLetter) {
        const { body, contentType, headers, messageId, queue, reason, routingKey } = dead
        const letter: DeadLetterRow = {
          id: DeadLetterId.make(yield* random.uuidV7()),
          digest: yield* digest.digest(Digest.sha256, identityOf(dead)),
          queue,
          reason: plain(reason).slice(0, maxReason) || "unknown",
          routingKey: plain(routingKey),
          messageId: messageId === undefined ? null : plain(messageId),
          contentType: contentType === undefined ? null : plain(contentType),
          headers: JSON.stringify(headers, jsonOf),
          body: body.subarray(0, maxBytes),
          size: body.length
        }
        return letter
      })

      // After they are stored, so that an erasure at the same moment is seen here, or sees them.
      const removeOfErased = Effect.fnUntraced(function* (letters: ReadonlyArray<DeadLetterRow>) {
        const named = letters.map((letter) => ({ id: letter.id, uuids: uuidsIn(letter) }))
        const uuids = [...new Set(named.flatMap((letter) => [...letter.uuids]))]
        if (uuids.length === 0) return
        const erased = yield* storage.read(repo.findErased(uuids))
        const found = named.filter((letter) => erased.some((userId) => letter.uuids.has(userId)))
        if (found.length > 0) yield* storage.write(repo.remove(found.map(({ id }) => id)))
      })

      const replayTurn = Effect.fnUntraced(function* <E, R>(
        last: Option.Option<DeadLetterId>,
        publish: (
          letters: Array.NonEmptyReadonlyArray<DeadLetterContent>
        ) => Effect.Effect<ReadonlyArray<DeadLetterId>, E, R>
      ) {
        const letters = yield* repo.takeRequested(last, maxReplayedBytes)
        const confirmed = Array.isReadonlyArrayNonEmpty(letters) ? yield* publish(letters) : []
        if (confirmed.length > 0) yield* repo.remove(confirmed)
        return {
          replayed: confirmed.length,
          left: letters.length - confirmed.length,
          last: Option.map(Array.last(letters), ({ id }) => id)
        }
      })

      // As in `Outbox`: a transaction on the embedded database would make all other statements wait for the broker.
      const runTurn = isEmbedded(sql) ? storage.write : storage.transaction

      return {
        keep: Effect.fn("DeadLetters.keep")(function* (dead: ReadonlyArray<NewDeadLetter>) {
          const letters = yield* Effect.forEach(dead, letterOf)
          const unique = [...new Map(letters.map((letter) => [Hex.encode(letter.digest), letter])).values()]
          if (!Array.isArrayNonEmpty(unique)) return
          yield* storage.write(repo.insert(unique, yield* DateTime.now))
          yield* removeOfErased(unique)
        }),
        find: Effect.fn("DeadLetters.find")(function* (filter: DeadLetterFilter, limit: number) {
          return yield* storage.read(repo.find(filter, limit))
        }),
        contents: Effect.fn("DeadLetters.contents")(function* (ids: ReadonlyArray<DeadLetterId>, limit = maxBytes) {
          return yield* storage.read(repo.contents(ids, limit))
        }),
        remove: Effect.fn("DeadLetters.remove")(function* (ids: ReadonlyArray<DeadLetterId>) {
          return yield* storage.write(repo.remove(ids))
        }),
        replayRequested: (last, publish) => runTurn(replayTurn(last, publish)),
        waiting: Effect.gen(function* () {
          const { oldest, oldestRequest, waiting } = yield* storage.read(repo.waiting(maxCount))
          const now = yield* DateTime.now
          return { count: waiting, seconds: secondsSince(oldest, now), replaySeconds: secondsSince(oldestRequest, now) }
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
const decoder = new TextDecoder()

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi

// Without NULs, so that ASCII is found in UTF-16 too.
const uuidsIn = ({ body, headers, messageId, routingKey }: DeadLetterRow): ReadonlySet<string> => {
  const text = [decoder.decode(body).replaceAll("\0", ""), headers, messageId ?? "", routingKey].join("\n")
  return new Set(Array.fromIterable(text.matchAll(uuid)).map(([found]) => found.toLowerCase()))
}

// Without the headers, because the broker changes some of them.
const identityOf = ({ body, messageId = "", queue, routingKey }: NewDeadLetter): Uint8Array => {
  const name = encoder.encode(JSON.stringify([queue, routingKey, messageId]))
  const identity = new Uint8Array(name.length + body.length)
  identity.set(name)
  identity.set(body, name.length)
  return identity
}

// PostgreSQL stores neither NUL nor lone surrogates in text.
const plain = (text: string): string => text.replaceAll("\0", "\uFFFD").toWellFormed()

const jsonOf = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? Base64.encode(value) : value)
