import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "@user-service/core/outbox/Outbox"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { SessionSettings } from "@user-service/core/SessionSettings"
import * as Postgres from "@user-service/database/Postgres"
import { Storage } from "@user-service/database/Storage"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Clock, Context, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { SecureRandom } from "effect/crypto"
import { inject } from "vitest"
import * as RedisEngines from "../../src/RedisEngines.ts"
import { make, type Process, profile } from "../outages/Pair.ts"
import type { SharedEngines, Tokens } from "../TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

// Nothing listens there.
const nowhere = "redis://127.0.0.1:1"

const users = "/api/v1/users/"

/** A process that ends all sessions. */
const staff = ({ databaseUrl: url, prefix }: SharedEngines, { settings }: Process, redis = redisUrl) =>
  Effect.map(
    Layer.build(
      AllSessions.layer.pipe(
        Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Layer.succeed(SessionSettings, settings.sessions)]),
        Layer.provide(RedisEngines.layer({ url: Redacted.make(redis), prefix })),
        Layer.provide(Postgres.layer(settingsOf(url, 4)))
      )
    ),
    (context) => Context.get(context, AllSessions)
  )

/** One turn of a relay of the events, as the worker takes it. */
const relayAll = ({ databaseUrl: url, prefix }: SharedEngines, { settings }: Process) =>
  Outbox.use(({ relay }) =>
    relay({ limit: 1000, shards: 16, except: [] }, (events) => Effect.succeed(events.map(({ id }) => id)))
  ).pipe(
    Effect.provide(
      Outbox.layer.pipe(
        Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Layer.succeed(SessionSettings, settings.sessions)]),
        Layer.provide(RedisEngines.layer({ url: Redacted.make(redisUrl), prefix })),
        Layer.provide(Postgres.layer(settingsOf(url, 2)))
      )
    )
  )

const read = (process: Process, { access }: Tokens) => process.send("GET", profile, { token: access })
const refresh = (process: Process, { refresh }: Tokens) =>
  process.send("POST", `${users}token/refresh/`, { body: { refresh } })
const statusesOf = (processes: ReadonlyArray<Process>, tokens: Tokens) =>
  Effect.forEach(processes, (process) => Effect.map(read(process, tokens), ({ status }) => status))

/** When the last request was sent that was let in, in milliseconds from now. */
const lastLetIn = Effect.fnUntraced(function* (process: Process, tokens: Tokens) {
  const start = yield* Clock.currentTimeMillis
  let last = 0
  yield* Effect.repeat(
    Effect.gen(function* () {
      const sent = (yield* Clock.currentTimeMillis) - start
      const { status } = yield* read(process, tokens)
      if (status === 200) last = sent
      return status
    }),
    { until: (status) => status === 401, schedule: Schedule.spaced("5 millis") }
  )
  return last
})

describe.skipIf(databaseUrl === "" || redisUrl === "")("the end of all sessions", () => {
  for (const [name, url] of [
    ["over Redis", redisUrl],
    ["with Redis away from everyone", nowhere]
  ] as const) {
    it.live(`reaches every process within a second, ${name}`, () =>
      Effect.gen(function* () {
        const { process, shared } = yield* make(databaseUrl, redisUrl)
        const processes = [yield* process({ redisUrl: url }), yield* process({ redisUrl: url })] as const
        const [a, b] = processes
        const people = [yield* a.person(), yield* b.person()]
        for (const person of people) assert.deepStrictEqual(yield* statusesOf(processes, person), [200, 200])
        const { end } = yield* staff(shared, a, url)
        // Sessions that a process has looked at just now, and still counts as alive.
        for (const person of people) yield* statusesOf(processes, person)
        yield* end
        const refused = yield* Effect.forEach(
          processes.flatMap((one) => people.map((person) => [one, person] as const)),
          ([one, person]) => lastLetIn(one, person),
          { concurrency: "unbounded" }
        )
        assert.isBelow(Math.max(...refused), 1000)
        for (const person of people) {
          const { body, status } = yield* refresh(b, person)
          assert.deepStrictEqual([status, body.code], [401, "token_invalid"])
        }
        const again = yield* a.login(people[0] ?? assert.fail())
        assert.deepStrictEqual(yield* statusesOf(processes, again), [200, 200])
      }).pipe(Effect.scoped)
    )
  }

  it.live("reaches a process that is cut off from Redis within a second", () =>
    Effect.gen(function* () {
      const { process, shared } = yield* make(databaseUrl, redisUrl)
      const [a, b] = [yield* process(), yield* process({ redisUrl: nowhere })]
      const person = yield* a.person()
      assert.deepStrictEqual(yield* statusesOf([a, b], person), [200, 200])
      const { end } = yield* staff(shared, a)
      yield* end
      assert.isBelow(yield* lastLetIn(b, person), 1000)
    }).pipe(Effect.scoped)
  )

  it.live("is repeated by the relay if the process that acted could not write it to Redis", () =>
    Effect.gen(function* () {
      const { process, shared } = yield* make(databaseUrl, redisUrl)
      const [a, b] = [yield* process(), yield* process()]
      const person = yield* a.person()
      assert.deepStrictEqual(yield* statusesOf([a, b], person), [200, 200])
      const { end } = yield* staff(shared, a, nowhere)
      yield* end
      const passSecond = Effect.forEach([a, b], ({ pass }) => pass("1 second"), { discard: true })
      yield* passSecond
      assert.deepStrictEqual(yield* statusesOf([a, b], person), [200, 200])
      yield* relayAll(shared, a)
      yield* passSecond
      assert.deepStrictEqual(yield* statusesOf([a, b], person), [401, 401])
    }).pipe(Effect.scoped)
  )

  it.live("ends a session that was opened before its commit and committed after it", () =>
    Effect.gen(function* () {
      const { process, shared } = yield* make(databaseUrl, redisUrl)
      const a = yield* process()
      const person = yield* a.person()
      const { end } = yield* staff(shared, a)
      // Holds a login in its transaction, after the insert of its session.
      yield* a.sql`
        create function wait_for_the_end() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock(4711); return null; end $$`
      yield* a.sql`
        create trigger waits after insert on sessions for each row execute function wait_for_the_end()`
      const opening = yield* a.sql.withTransaction(
        Effect.gen(function* () {
          yield* a.sql`select pg_advisory_xact_lock(4711)`
          const fiber = yield* Effect.forkScoped(a.login(person), { startImmediately: true })
          yield* Effect.repeat(
            a.sql`select 1 from pg_locks where locktype = 'advisory' and objid = 4711 and not granted`,
            { until: (waiting) => waiting.length > 0, schedule: Schedule.spaced("5 millis") }
          )
          yield* end
          return fiber
        })
      )
      const opened = yield* Fiber.join(opening)
      assert.deepStrictEqual(yield* statusesOf([a], opened), [401])
      assert.strictEqual((yield* refresh(a, opened)).status, 401)
      yield* a.sql`drop trigger waits on sessions`
      assert.deepStrictEqual(yield* statusesOf([a], yield* a.login(person)), [200])
    }).pipe(Effect.scoped)
  )

  it.live("divides concurrent logins: those answered before it are ended, those sent after it live", () =>
    Effect.gen(function* () {
      const { process, shared } = yield* make(databaseUrl, redisUrl)
      const processes = [yield* process(), yield* process()] as const
      const people = yield* Effect.forEach([0, 1, 2, 3], () => processes[0].person())
      const { end } = yield* staff(shared, processes[0])
      const logins: Array<{ sentAt: number; answeredAt: number; tokens: Tokens }> = []
      const client = (index: number) =>
        Effect.gen(function* () {
          const sentAt = performance.now()
          const one = processes[index % 2] ?? processes[0]
          const tokens = yield* one.login(people[index % people.length] ?? assert.fail())
          logins.push({ sentAt, answeredAt: performance.now(), tokens })
        }).pipe(Effect.repeat({ times: 14 }))
      const clients = yield* Effect.forEach([0, 1, 2, 3], (index) => Effect.forkScoped(client(index)))
      yield* Effect.repeat(
        Effect.sync(() => logins.length),
        {
          until: (count) => count >= 8,
          schedule: Schedule.spaced("5 millis")
        }
      )
      const startedAt = performance.now()
      yield* end
      const endedAt = performance.now()
      yield* Effect.forEach(clients, Fiber.join)
      yield* Effect.forEach(processes, ({ pass }) => pass("1 second"), { discard: true })
      assert.isTrue(logins.some(({ answeredAt }) => answeredAt < startedAt))
      assert.isTrue(logins.some(({ sentAt }) => sentAt > endedAt))
      for (const { answeredAt, sentAt, tokens } of logins) {
        const statuses = yield* statusesOf(processes, tokens)
        const status = (yield* refresh(processes[0], tokens)).status
        const states = new Set([...statuses, status])
        assert.strictEqual(states.size, 1)
        if (answeredAt < startedAt) assert.isTrue(states.has(401))
        if (sentAt > endedAt) assert.isTrue(states.has(200))
      }
    }).pipe(Effect.scoped)
  )
})
