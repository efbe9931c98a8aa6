import { assert, it } from "@effect/vitest"
import { type NewDeadLetter, DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Storage } from "@user-service/database/Storage"
import { DateTime, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"

const layerOver = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  DeadLetters.layer.pipe(
    Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Digest.layerWebCrypto]),
    Layer.provideMerge(database)
  )

const encoder = new TextEncoder()

const letter = (text: string, more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  queue: "queue",
  reason: "undecodable",
  routingKey: "a.b",
  headers: {},
  body: encoder.encode(text),
  ...more
})

/** A reason no other test gives. */
const freshReason = (): string => `reason ${randomUUID()}`

const keep = (...dead: ReadonlyArray<NewDeadLetter>) => DeadLetters.use((letters) => letters.keep(dead))
const find = (reason: string, limit = 100) => DeadLetters.use((letters) => letters.find({ reason }, limit))

/** What becomes of dead letters, over any database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) =>
  it.layer(layerOver(database), { excludeTestServices: true })(name, (it) => {
    it.effect("one is kept as it is, and told of without what it says", () =>
      Effect.gen(function* () {
        const { contents } = yield* DeadLetters
        const reason = freshReason()
        const body = new Uint8Array([0, 1, 255])
        const headers = { traceparent: "x", n: 1, bytes: new Uint8Array([1, 2]), deep: { nul: "a\0", half: "\ud800" } }
        yield* keep(letter("", { reason, body, headers, messageId: "m-1", contentType: "application/json" }))
        const [found, ...others] = yield* find(reason)
        assert.lengthOf(others, 0)
        assert.deepInclude(found, {
          queue: "queue",
          reason,
          routingKey: "a.b",
          messageId: "m-1",
          size: 3,
          isCut: false
        })
        const [content] = yield* contents(found === undefined ? [] : [found.id])
        const { id, ...said } = content ?? {}
        assert.strictEqual(id, found?.id)
        assert.deepStrictEqual<unknown>(said, {
          queue: "queue",
          messageId: "m-1",
          contentType: "application/json",
          headers: { traceparent: "x", n: 1, bytes: "AQI=", deep: { nul: "a\0", half: "\ud800" } },
          body
        })
      })
    )

    it.effect("one that comes twice is there once, under the id and the time of the last", () =>
      Effect.gen(function* () {
        const { remove } = yield* DeadLetters
        const reason = freshReason()
        const same = letter("same", { reason, messageId: randomUUID() })
        yield* keep(same, same)
        const [before] = yield* find(reason)
        yield* keep({ ...same, headers: { "x-death": [] } })
        const [after, ...others] = yield* find(reason)
        assert.lengthOf(others, 0)
        assert.notStrictEqual(after?.id, before?.id)
        // So what was replayed, and is dead again, is not removed with what it was.
        assert.strictEqual(yield* remove(before === undefined ? [] : [before.id]), 0)
        assert.strictEqual(yield* remove(after === undefined ? [] : [after.id]), 1)
      })
    )

    it.effect("those that differ in anything they say are several", () =>
      Effect.gen(function* () {
        const reason = freshReason()
        const one = letter(reason, { reason })
        yield* keep(
          one,
          { ...one, messageId: "1" },
          { ...one, routingKey: "c" },
          { ...one, queue: "other" },
          letter(`${reason}.`, { reason })
        )
        assert.lengthOf(yield* find(reason), 5)
      })
    )

    it.effect("they are found in the order they came, by id or reason, and no more than are asked for", () =>
      Effect.gen(function* () {
        const { contents, find: among } = yield* DeadLetters
        const reason = freshReason()
        for (const text of ["1", "2", "3"]) yield* keep(letter(text, { reason, messageId: randomUUID() }))
        const all = yield* find(reason)
        const texts = (yield* contents(all.map(({ id }) => id))).map(({ body }) => new TextDecoder().decode(body))
        assert.deepStrictEqual(texts, ["1", "2", "3"])
        assert.deepStrictEqual(yield* find(reason, 2), all.slice(0, 2))
        const ids = all.slice(1).map(({ id }) => id)
        assert.deepStrictEqual(yield* among({ ids }, 10), all.slice(1))
        assert.deepStrictEqual(yield* among({ ids, reason: "another" }, 10), [])
      })
    )

    it.effect("texts that PostgreSQL cannot hold are kept as near as can be", () =>
      Effect.gen(function* () {
        const { find: all } = yield* DeadLetters
        const mark = randomUUID()
        yield* keep(
          letter("x", { reason: `${mark}\0${"r".repeat(200)}`, messageId: "m\0\ud800", routingKey: `${mark}\0` })
        )
        const found = (yield* all({}, 1000)).find(({ routingKey }) => routingKey === `${mark}\uFFFD`)
        assert.deepStrictEqual([found?.messageId, found?.reason.length], ["m\uFFFD\uFFFD", 100])
      })
    )

    it.effect("of what is too large for anybody the beginning is kept", () =>
      Effect.gen(function* () {
        const { contents } = yield* DeadLetters
        const reason = freshReason()
        const size = 16 * 1024 * 1024 + 1
        yield* keep(letter("", { reason, body: new Uint8Array(size) }))
        const [found] = yield* find(reason)
        assert.deepStrictEqual([found?.size, found?.isCut], [size, true])
        const [content] = yield* contents(found === undefined ? [] : [found.id], 5)
        assert.lengthOf(content?.body ?? [], 5)
      })
    )

    it.effect("how many there are, and since when; those that are too old are removed, so many at a time", () =>
      Effect.gen(function* () {
        const { removeReceived, waiting } = yield* DeadLetters
        const sql = yield* SqlClient.SqlClient
        yield* sql`delete from dead_letters`
        assert.deepStrictEqual(yield* waiting, { count: 0, seconds: 0, replaySeconds: 0 })
        yield* keep(letter("1"), letter("2"), letter("3"), letter("4"))
        yield* sql`update dead_letters set received_at = now() - interval '1 hour' where body <> '4'::bytea`
        yield* sql`update dead_letters set replay_requested_at = now() - interval '20 minutes' where body = '1'::bytea`
        yield* sql`update dead_letters set replay_requested_at = now() where body = '2'::bytea`
        const { count, replaySeconds, seconds } = yield* waiting
        assert.strictEqual(count, 4)
        assert.closeTo(replaySeconds, 1200, 60)
        assert.isAtLeast(seconds, 3599)
        const before = DateTime.subtract(yield* DateTime.now, { minutes: 30 })
        assert.deepStrictEqual(
          [yield* removeReceived(before, 2), yield* removeReceived(before, 2), yield* removeReceived(before, 2)],
          [2, 1, 0]
        )
        assert.strictEqual((yield* waiting).count, 1)
      })
    )
  })
