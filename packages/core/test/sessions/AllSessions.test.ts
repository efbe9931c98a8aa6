import { assert, describe, it } from "@effect/vitest"
import { CurrentActor } from "@user-service/core/Actor"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { Logins } from "@user-service/core/accounts/Logins"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { SilencedPushTokens } from "@user-service/core/sessions/SilencedPushTokens"
import { AllSessionsRevoked } from "@user-service/domain/DomainEvent"
import type { Email } from "@user-service/domain/Email"
import { DeviceToken } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { registerStaff } from "../staff/Staff.ts"
import { eventsOf, layer, password, register, tagOf } from "../TestCore.ts"

// Another process over the same database and cache.
const anotherProcess = Effect.map(Layer.build(Layer.fresh(LiveSessions.layer)), (context) =>
  Context.get(context, LiveSessions)
)

const endAll = AllSessions.use(({ end }) => end)

const login = Effect.fnUntraced(function* (email: Email) {
  const { tokens } = yield* Logins.use((logins) => logins.login({ email, password, deviceName: "" }))
  const { sessionId, userId } = yield* (yield* TokenSigner).verify("access", tokens.access)
  return { sessionId, userId, tokens }
})

type Owner = Pick<Effect.Success<typeof register>, "userId" | "sessionId">

const addToken = (owner: Owner, token = DeviceToken.make(randomUUID())) =>
  Effect.as(
    PushTokens.use((tokens) => tokens.register(owner, { token, platform: "android" })),
    token
  )

const liveTokens = (userId: UserId) =>
  Effect.map(
    PushTokens.use(({ live }) => live(userId)),
    (tokens) => tokens.map(({ token }) => token)
  )

/** Whether each of the user's push tokens is active in its row, the oldest first. */
const activeStates = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const tokens =
    yield* sql`select is_active as state from push_tokens where user_id = ${userId} order by created_at, id`
  return tokens.map(({ state }) => state)
})

const isSilencing = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`select silencing_since is not null as state from session_cutoff`
  return row?.["state"]
})

/** Runs the job until nothing is left. */
const runJob = Effect.fnUntraced(function* (limit = 500) {
  yield* TestClock.adjust("11 seconds")
  const { deactivate } = yield* SilencedPushTokens
  let calls = 1
  while ((yield* deactivate(limit)) === limit) calls++
  return calls
})

describe("AllSessions", () => {
  it.layer(layer())((it) => {
    it.effect("ends every session in this process at once, and within 900 ms in one that believed it alive", () =>
      Effect.gen(function* () {
        const [here, there] = [yield* LiveSessions, yield* anotherProcess]
        const people = [yield* register, yield* register]
        const alive = ({ isAlive }: LiveSessions["Service"]) =>
          Effect.forEach(people, ({ sessionId, userId }) => isAlive(userId, sessionId))
        assert.deepStrictEqual(
          [yield* alive(here), yield* alive(there)],
          [
            [true, true],
            [true, true]
          ]
        )
        yield* TestClock.adjust("500 millis")
        yield* endAll
        assert.deepStrictEqual(yield* alive(here), [false, false])
        yield* TestClock.adjust("399 millis")
        assert.deepStrictEqual(yield* alive(there), [true, true])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* alive(there), [false, false])
      })
    )

    it.effect("a process trusts no session longer, however shortly before it looked at it", () =>
      Effect.gen(function* () {
        const there = yield* anotherProcess
        const [early, late] = [yield* register, yield* register]
        assert.isTrue(yield* there.isAlive(early.userId, early.sessionId))
        yield* TestClock.adjust("899 millis")
        assert.isTrue(yield* there.isAlive(late.userId, late.sessionId))
        yield* endAll
        yield* TestClock.adjust("1 millis")
        assert.isFalse(yield* there.isAlive(late.userId, late.sessionId))
      })
    )

    it.effect("an end that reached neither the process nor the cache is noticed within a minute", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { isAlive } = yield* anotherProcess
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* sql`update session_cutoff set not_before = not_before + interval '1 day'`
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* TestClock.adjust("55 seconds")
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )

    it.effect("the relay ends them for a process that died after its commit", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { isAlive } = yield* anotherProcess
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        const [row] = yield* sql`
          update session_cutoff set not_before = not_before + interval '1 day' returning not_before as "notBefore"`
        const notBefore = DateTime.makeUnsafe(String(row?.["notBefore"]))
        yield* Invalidations.use(({ apply }) => apply([], [new AllSessionsRevoked({ notBefore })]))
        yield* TestClock.adjust("900 millis")
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )

    it.effect("an ended session is refused by every use of its tokens, and not listed", () =>
      Effect.gen(function* () {
        const { authenticate, logoutAll, page, refresh, verify } = yield* Sessions
        const { sessionId, tokens, userId } = yield* register
        const other = yield* register
        yield* endAll
        assert.strictEqual(yield* tagOf(authenticate(Redacted.make(tokens.access))), "TokenInvalid")
        assert.strictEqual(yield* tagOf(verify(Redacted.make(tokens.refresh))), "TokenInvalid")
        assert.strictEqual(yield* tagOf(refresh(Redacted.make(tokens.refresh))), "TokenInvalid")
        assert.strictEqual((yield* page(userId, { page: 1, limit: 10 })).total, 0)
        assert.strictEqual(yield* logoutAll(userId), 0)
        assert.strictEqual(yield* tagOf(addToken({ userId, sessionId })), "TokenInvalid")
        // The other user presented no token since, which would have been theft.
        assert.isFalse((yield* eventsOf(other.userId)).some((event) => event._tag === "SessionRevoked"))
      })
    )

    it.effect(
      "a session that is opened afterwards lives, in a process that knows of the end and in one that does not",
      () =>
        Effect.gen(function* () {
          const [here, there] = [yield* LiveSessions, yield* anotherProcess]
          const { email, sessionId, userId } = yield* register
          assert.isTrue(yield* there.isAlive(userId, sessionId))
          yield* endAll
          const next = yield* login(email)
          for (const pause of ["0 millis", "900 millis", "1 minute"] as const) {
            yield* TestClock.adjust(pause)
            assert.isTrue(yield* here.isAlive(userId, next.sessionId))
            assert.isTrue(yield* there.isAlive(userId, next.sessionId))
          }
          const listed = yield* Sessions.use(({ page }) => page(userId, { page: 1, limit: 10 }))
          assert.deepStrictEqual(
            listed.items.map(({ id }) => id),
            [next.sessionId]
          )
          yield* Sessions.use(({ refresh }) => refresh(Redacted.make(next.tokens.refresh)))
        })
    )

    it.effect("the single end of a session is not undone by the end of all", () =>
      Effect.gen(function* () {
        const [here, there] = [yield* LiveSessions, yield* anotherProcess]
        const { email, userId } = yield* register
        yield* endAll
        const { sessionId } = yield* login(email)
        assert.isTrue(yield* here.isAlive(userId, sessionId))
        // This process has not heard of the end of all sessions.
        yield* there.end([{ userId, sessionId }])
        yield* TestClock.adjust("900 millis")
        assert.isFalse(yield* here.isAlive(userId, sessionId))
      })
    )

    it.effect("writes one event and one audit entry of the member of staff, and no session", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { userId: staffId } = yield* registerStaff("admin")
        yield* register
        const sessions = sql`select id, xmin::text, cutoff from sessions order by id`
        const entries = sql`
          select user_id, actor_id, details - 'before' as details from audit_log where action = 'session.all_ended'`
        const events = sql`select payload from outbox where event_type = 'AllSessionsRevoked'`
        const before = [yield* sessions, (yield* entries).length, (yield* events).length] as const
        const notBefore = yield* endAll.pipe(
          Effect.provideService(CurrentActor, { userId: staffId, reason: "Leaked signing key" })
        )
        assert.deepStrictEqual(yield* sessions, before[0])
        const text = DateTime.formatIso(notBefore)
        assert.deepStrictEqual((yield* entries).slice(before[1]), [
          {
            user_id: null,
            actor_id: staffId,
            details: { after: { notBefore: text }, reason: "Leaked signing key" }
          }
        ])
        assert.deepStrictEqual((yield* events).slice(before[2]), [
          { payload: { _tag: "AllSessionsRevoked", notBefore: text } }
        ])
      })
    )

    it.effect("the not-before time rises with each end, also under a clock that stands still", () =>
      Effect.gen(function* () {
        const times = yield* Effect.replicateEffect(endAll, 3)
        const millis = times.map(DateTime.toEpochMillis)
        assert.isTrue(millis.every((time, index) => index === 0 || time > (millis[index - 1] ?? 0)))
      })
    )
  })
})

describe("the push tokens of sessions that ended with all others", () => {
  it.layer(layer())((it) => {
    it.effect("are silent at once, and inactive with an event after the job of the worker", () =>
      Effect.gen(function* () {
        const owner = yield* register
        const token = yield* addToken(owner)
        yield* endAll
        assert.deepStrictEqual(yield* liveTokens(owner.userId), [])
        assert.deepStrictEqual(yield* activeStates(owner.userId), [true])
        yield* runJob()
        assert.deepStrictEqual(yield* activeStates(owner.userId), [false])
        const removed = (yield* eventsOf(owner.userId)).filter((event) => event._tag === "PushTokenRemoved")
        assert.deepStrictEqual(
          removed.map((event) => [event.token, event.reason]),
          [[token, "logged_out"]]
        )
        assert.isFalse(yield* isSilencing)
      })
    )

    it.effect("stay active if a new session registers them again, before or after the job", () =>
      Effect.gen(function* () {
        const [before, after] = [yield* register, yield* register]
        const [first, second] = [yield* addToken(before), yield* addToken(after)]
        yield* endAll
        yield* addToken(yield* login(before.email), first)
        assert.deepStrictEqual(yield* liveTokens(before.userId), [first])
        yield* runJob()
        yield* addToken(yield* login(after.email), second)
        assert.deepStrictEqual(yield* liveTokens(before.userId), [first])
        assert.deepStrictEqual(yield* liveTokens(after.userId), [second])
        assert.isFalse((yield* eventsOf(before.userId)).some((event) => event._tag === "PushTokenRemoved"))
      })
    )

    it.effect("do not include tokens without a session, and of sessions that had expired or ended before", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [unbound, expired, ended] = [yield* register, yield* register, yield* register]
        const people = [unbound, expired, ended]
        const tokens = yield* Effect.forEach(people, (owner) => addToken(owner))
        yield* sql`update push_tokens set session_id = null where user_id = ${unbound.userId}`
        yield* sql`update sessions set expires_at = created_at where id = ${expired.sessionId}`
        yield* sql`update sessions set revoked_at = created_at, revoked_reason = 'logout' where id = ${ended.sessionId}`
        yield* endAll
        const live = Effect.forEach(people, ({ userId }) => liveTokens(userId))
        const expected = tokens.map((token) => [token])
        assert.deepStrictEqual(yield* live, expected)
        yield* runJob()
        assert.deepStrictEqual(yield* live, expected)
      })
    )

    it.effect("include those of a session that expires before the job, and of two ends in a row", () =>
      Effect.gen(function* () {
        const owner = yield* register
        yield* addToken(owner)
        yield* TestClock.adjust("59 minutes")
        yield* endAll
        yield* TestClock.adjust("2 minutes")
        yield* endAll
        assert.deepStrictEqual(yield* liveTokens(owner.userId), [])
        yield* runJob()
        assert.deepStrictEqual(yield* activeStates(owner.userId), [false])
      })
    )

    it.effect("wait ten seconds for registrations that began before the end", () =>
      Effect.gen(function* () {
        const owner = yield* register
        yield* addToken(owner)
        yield* endAll
        yield* TestClock.adjust("9999 millis")
        const { deactivate } = yield* SilencedPushTokens
        assert.strictEqual(yield* deactivate(500), 0)
        assert.deepStrictEqual(yield* activeStates(owner.userId), [true])
        assert.deepStrictEqual(yield* liveTokens(owner.userId), [])
        yield* runJob()
      })
    )

    it.effect("are deactivated in batches, none of which is lost if another end comes between", () =>
      Effect.gen(function* () {
        const people = yield* Effect.replicateEffect(register, 7)
        yield* Effect.forEach(people, (owner) => Effect.all([addToken(owner), addToken(owner)]))
        const active = Effect.map(
          Effect.forEach(people, ({ userId }) => activeStates(userId)),
          (states) => states.flat().filter((state) => state === true).length
        )
        yield* endAll
        yield* TestClock.adjust("10 seconds")
        const { deactivate } = yield* SilencedPushTokens
        assert.strictEqual(yield* deactivate(3), 3)
        assert.isAbove(yield* active, 0)
        const [first] = people
        if (first === undefined) return assert.fail()
        const again = yield* login(first.email)
        yield* addToken(again)
        yield* endAll
        assert.isAbove(yield* runJob(3), 3)
        assert.strictEqual(yield* active, 0)
        assert.isFalse(yield* isSilencing)
      })
    )
  })
})
