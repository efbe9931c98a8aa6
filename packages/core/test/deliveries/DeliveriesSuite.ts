import { assert, it } from "@effect/vitest"
import { Deliveries, type DeliveryRequest } from "@user-service/core/deliveries/Deliveries"
import type { DeliveryFilter } from "@user-service/core/deliveries/DeliveriesRepo"
import type { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { DeliveryTimeOutOfReach, type NotificationId } from "@user-service/domain/Delivery"
import { UserId } from "@user-service/domain/User"
import { DateTime, type Duration, Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import {
  allowedAtOnce,
  chargesOf,
  deliveriesOf,
  freshId,
  mail,
  people,
  recordsOf,
  registerDevice,
  report,
  resolve,
  resolveOne,
  somebody,
  words
} from "./TestDeliveries.ts"

const repeat = <A>(count: number, make: (index: number) => A) =>
  Array.from({ length: count }, (_, index) => make(index))

/** A time of the clock in UTC, so far from now. */
const clockTime = (distance: Duration.Input) =>
  Effect.map(DateTime.now, (now) => DateTime.formatIso(DateTime.addDuration(now, distance)).slice(11, 19))

/** What resolving promises, over any database and quotas. */
export const suite = <E>(name: string, layer: Layer.Layer<Deliveries | DeliveryStatuses | SqlClient.SqlClient, E>) =>
  it.layer(layer, { excludeTestServices: true })(name, (it) => {
    it.effect("answers are in the order of what was asked, with the address or the live tokens of each channel", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* somebody({ isVerified: true }), yield* somebody()]
        const now = yield* DateTime.now
        const older = yield* registerDevice(b, { at: DateTime.subtract(now, { hours: 1 }), tokenType: "expo" })
        const newer = yield* registerDevice(b, { at: now })
        yield* registerDevice(b, { isActive: false })
        const id = freshId()
        const asked: ReadonlyArray<DeliveryRequest> = [
          { notificationId: id, userId: b, channel: "push", category: "transactional" },
          mail(a),
          mail(b, { category: "marketing" })
        ]
        const [push, first, second] = yield* resolve(...asked)
        assert.deepStrictEqual(push, {
          notificationId: id,
          userId: b,
          channel: "push",
          category: "transactional",
          decision: "allow",
          rule: null,
          until: null,
          email: null,
          isVerified: false,
          pushTokens: [
            { id: newer.id, userId: b, token: newer.token, platform: "android", tokenType: "fcm" },
            { id: older.id, userId: b, token: older.token, platform: "android", tokenType: "expo" }
          ],
          preferencesVersion: 1
        } satisfies typeof push)
        assert.deepStrictEqual([first?.email, first?.isVerified, first?.pushTokens], [`${a}@example.com`, true, []])
        assert.deepStrictEqual([second?.userId, second?.category, second?.isVerified], [b, "marketing", false])
      })
    )

    it.effect("what is allowed is a pending delivery of the user's; an id is made where none was given", () =>
      Effect.gen(function* () {
        const user = yield* somebody()
        const resolution = yield* resolveOne(mail(user))
        const [delivery, ...others] = yield* deliveriesOf(user)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(delivery?.notificationId, resolution.notificationId)
        assert.match(resolution.notificationId, /^[\da-f]{8}-[\da-f]{4}-7/)
        assert.deepStrictEqual(
          [delivery?.channel, delivery?.category, delivery?.status, delivery?.error],
          ["email", "system", "pending", null]
        )
      })
    )

    it.effect("each rule is told, gives no address away and leaves nothing behind", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [from, to] = [yield* clockTime("-1 hour"), yield* clockTime("1 hour")]
        const suppressed = yield* somebody()
        yield* sql`
            insert into suppressions (user_id, email, reason, created_at)
            values (${suppressed}, ${`${suppressed}@example.com`}, 'complaint', now())`
        const cases: ReadonlyArray<readonly [string, DeliveryRequest]> = [
          ["deny user_unknown", mail(UserId.make(randomUUID()))],
          ["deny user_inactive", mail(yield* somebody({ isActive: false }))],
          ["deny channel_disabled", mail(yield* somebody({ preferences: { email_enabled: false } }))],
          ["deny category_disabled", mail(yield* somebody({ preferences: { email_system: false } }))],
          ["deny suppressed", mail(suppressed)],
          ["deny no_address", mail(yield* somebody(), { channel: "push" })],
          [
            "defer do_not_disturb",
            mail(yield* somebody({ preferences: { do_not_disturb_start: from, do_not_disturb_end: to } }))
          ],
          ["deny frequency_limit", mail(yield* somebody({ preferences: { frequency_limit: 0 } }))]
        ]
        const resolutions = yield* resolve(...cases.map(([, request]) => request))
        assert.deepStrictEqual(
          resolutions.map(({ decision, rule }) => `${decision} ${rule}`),
          cases.map(([word]) => word)
        )
        for (const { decision, email, preferencesVersion, pushTokens, rule, until, userId } of resolutions) {
          assert.deepStrictEqual([email, pushTokens], [null, []])
          assert.strictEqual(until !== null, decision === "defer")
          assert.strictEqual(preferencesVersion, rule === "user_unknown" ? null : 1)
          assert.deepStrictEqual(yield* deliveriesOf(userId), [])
        }
      })
    )

    it.effect("a denied or deferred notification that its sender named is recorded with what it was decided on", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [from, to] = [yield* clockTime("-1 hour"), yield* clockTime("1 hour")]
        const [off, quiet, full] = [
          yield* somebody({ preferences: { email_enabled: false, version: 7 } }),
          yield* somebody({
            preferences: { do_not_disturb_start: from, do_not_disturb_end: to },
            timezone: "Etc/GMT"
          }),
          yield* somebody({ preferences: { frequency_limit: 2 }, timezone: "Asia/Kathmandu" })
        ]
        const [denied, deferred, excess, unknown] = [freshId(), freshId(), freshId(), freshId()]
        const stranger = UserId.make(randomUUID())
        yield* resolve(mail(full), mail(full))
        assert.deepStrictEqual(
          yield* words(
            mail(off, { notificationId: denied }),
            mail(quiet, { notificationId: deferred }),
            mail(full, { notificationId: excess }),
            mail(stranger, { notificationId: unknown })
          ),
          ["deny channel_disabled", "defer do_not_disturb", "defer frequency_limit", "deny user_unknown"]
        )
        const record = { channel: "email", decision: "defer", version: 1, limit: 50, charged: null, utcOffset: 0 }
        const recorded = (notificationId: NotificationId) =>
          Effect.map(recordsOf(notificationId), ({ allowed, decisions }) => [...allowed, ...decisions])
        assert.deepStrictEqual(yield* recorded(denied), [
          { ...record, decision: "deny", rule: "channel_disabled", version: 7 }
        ])
        assert.deepStrictEqual(yield* recorded(deferred), [{ ...record, rule: "do_not_disturb" }])
        assert.deepStrictEqual(yield* recorded(excess), [
          { ...record, rule: "frequency_limit", limit: 2, charged: 2, utcOffset: 345 }
        ])
        assert.deepStrictEqual(yield* recorded(unknown), [
          { ...record, decision: "deny", rule: "user_unknown", version: null, limit: null, utcOffset: null }
        ])
        const times = yield* sql`
          select until > decided_at as "isLater", send_at = decided_at as "isNow" from delivery_decisions
          where notification_id in (${deferred}, ${excess})`
        assert.deepStrictEqual(
          times,
          repeat(2, () => ({ isLater: true, isNow: true }))
        )
      })
    )

    it.effect("a denied notification without a name of its own is not recorded", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody({ preferences: { email_enabled: false } })
        yield* resolve(mail(user), mail(user))
        assert.deepStrictEqual(yield* sql`select 1 from delivery_decisions where user_id = ${user}`, [])
      })
    )

    it.effect("an allowed one is recorded with its delivery, by the counts of the day with it, named or not", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 5, version: 3 } })
        yield* registerDevice(user)
        const id = freshId()
        const [first] = yield* resolve(
          mail(user),
          mail(user, { notificationId: id }),
          mail(user, { notificationId: id, channel: "push" }),
          mail(user, { category: "security" })
        )
        const record = { channel: "email", version: 3, limit: 5, charged: 1, utcOffset: 0 }
        assert.deepStrictEqual(yield* recordsOf(first?.notificationId ?? id), { allowed: [record], decisions: [] })
        assert.deepStrictEqual(yield* recordsOf(id), {
          allowed: [
            { ...record, charged: 2 },
            { ...record, charged: 2, channel: "push" }
          ],
          decisions: []
        })
      })
    )

    it.effect("of a notification that is resolved again the newest decision of each channel and user is recorded", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody({ preferences: { email_enabled: false } })
        const id = freshId()
        const request = mail(user, { notificationId: id })
        const set = (isEnabled: boolean) =>
          sql`update notification_preferences set email_enabled = ${isEnabled}, version = version + 1 where user_id = ${user}`
        const denied = {
          channel: "email",
          decision: "deny",
          rule: "channel_disabled",
          limit: 50,
          charged: null,
          utcOffset: 0
        }
        yield* resolve(request, request, { ...request, channel: "push" })
        const push = { ...denied, channel: "push", rule: "no_address", version: 1 }
        assert.deepStrictEqual(yield* recordsOf(id), { allowed: [], decisions: [{ ...denied, version: 1 }, push] })
        yield* set(true)
        yield* resolve(request)
        const allowed = [{ channel: "email", version: 2, limit: 50, charged: 1, utcOffset: 0 }]
        assert.deepStrictEqual(yield* recordsOf(id), { allowed, decisions: [{ ...denied, version: 1 }, push] })
        yield* set(false)
        yield* resolve(request)
        assert.deepStrictEqual(yield* recordsOf(id), { allowed, decisions: [{ ...denied, version: 3 }, push] })
        yield* set(true)
        yield* resolve(request)
        const again = { ...denied, decision: "allow", rule: null, version: 4 }
        assert.deepStrictEqual(yield* recordsOf(id), { allowed, decisions: [again, push] })
        const other = yield* somebody()
        assert.deepStrictEqual(yield* words(mail(other, { notificationId: id })), ["deny user_mismatch"])
        const mismatch = { ...denied, rule: "user_mismatch", version: 1 }
        assert.deepStrictEqual(yield* recordsOf(id), { allowed, decisions: [again, mismatch, push] })
      })
    )

    it.effect("the decisions of an erased user are gone, or without what they were decided on", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody()
        const [allowed, denied] = [freshId(), freshId()]
        yield* resolve(mail(user, { notificationId: allowed }), mail(user, { notificationId: denied, channel: "push" }))
        yield* sql`delete from users where id = ${user}`
        assert.deepStrictEqual(yield* sql`select 1 from delivery_decisions where user_id = ${user}`, [])
        assert.deepStrictEqual(
          yield* sql`
            select decided_at, send_at, preferences_version as version, frequency_limit as "limit", charged_count as charged,
              utc_offset as "utcOffset"
            from deliveries where notification_id = ${allowed}`,
          [{ decided_at: null, send_at: null, version: null, limit: null, charged: null, utcOffset: null }]
        )
      })
    )

    it.effect("the security of an account waits for neither quiet hours nor the cap, and is not counted", () =>
      Effect.gen(function* () {
        const [from, to] = [yield* clockTime("-1 hour"), yield* clockTime("1 hour")]
        const quiet = { do_not_disturb_start: from, do_not_disturb_end: to, frequency_limit: 0 }
        const user = yield* somebody({ preferences: quiet })
        assert.deepStrictEqual(
          yield* words(...repeat(3, () => mail(user, { category: "security" }))),
          repeat(3, () => "allow")
        )
        assert.strictEqual(yield* chargesOf(user), 0)
        const off = yield* somebody({ preferences: { email_security: false } })
        assert.deepStrictEqual(yield* words(mail(off, { category: "security" })), ["deny category_disabled"])
      })
    )

    it.effect("one cap holds over both channels and all categories; past it, wait for midnight", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 3, push_marketing: true } })
        yield* registerDevice(user)
        assert.deepStrictEqual(
          yield* words(
            mail(user),
            mail(user, { channel: "push", category: "marketing" }),
            mail(user, { category: "security" }),
            mail(user, { category: "transactional" }),
            mail(user, { category: "marketing" })
          ),
          ["allow", "allow", "allow", "allow", "defer frequency_limit"]
        )
        const { rule, until } = yield* resolveOne(mail(user))
        assert.strictEqual(rule, "frequency_limit")
        const now = yield* DateTime.now
        assert.deepStrictEqual(until, DateTime.add(DateTime.startOf(now, "day"), { days: 1 }))
        assert.strictEqual(yield* chargesOf(user), 3)
      })
    )

    it.effect("of 50 calls at once at a limit of 10, exactly 10 are allowed, and no more afterwards", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 10 } })
        assert.strictEqual(yield* allowedAtOnce(repeat(50, () => mail(user))), 10)
        assert.strictEqual(yield* chargesOf(user), 10)
        assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
      })
    )

    it.effect("of 50 in one call at a limit of 10, the first 10 are allowed", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 10 } })
        const expected = repeat(50, (index) => (index < 10 ? "allow" : "defer frequency_limit"))
        assert.deepStrictEqual(yield* words(...repeat(50, () => mail(user))), expected)
      })
    )

    it.effect("one notification, asked for 40 times at once over both channels, is charged once", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 1 } })
        yield* registerDevice(user)
        const notificationId = freshId()
        const asked = repeat(40, (index) => mail(user, { notificationId, channel: index % 2 === 0 ? "email" : "push" }))
        assert.strictEqual(yield* allowedAtOnce(asked), 40)
        assert.strictEqual(yield* chargesOf(user), 1)
        assert.deepStrictEqual((yield* deliveriesOf(user)).map(({ channel }) => channel).toSorted(), ["email", "push"])
        assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
      })
    )

    it.effect("one notification, asked for several times in one call, is charged and recorded once", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 1 } })
        yield* registerDevice(user)
        const notificationId = freshId()
        const both = [mail(user, { notificationId }), mail(user, { notificationId, channel: "push" })]
        assert.deepStrictEqual(yield* words(...both, ...both, mail(user)), [
          ...repeat(4, () => "allow"),
          "defer frequency_limit"
        ])
        assert.lengthOf(yield* deliveriesOf(user), 2)
      })
    )

    it.effect("a notification that is charged is judged anew each time, and finds its room again", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody({ preferences: { frequency_limit: 1 } })
        const one = mail(user, { notificationId: freshId() })
        const set = (columns: object) =>
          sql`update notification_preferences set ${sql.update({ ...columns, version: 7 })} where user_id = ${user}`
        assert.deepStrictEqual(yield* words(one), ["allow"])
        yield* set({ email_system: false })
        assert.deepStrictEqual(yield* words(one), ["deny category_disabled"])
        yield* set({ email_system: true })
        yield* sql`update users set email = ${`new-${user}@example.com`} where id = ${user}`
        const again = yield* resolveOne(one)
        assert.deepStrictEqual(
          [again.decision, again.email, again.preferencesVersion],
          ["allow", `new-${user}@example.com`, 7]
        )
        yield* set({ frequency_limit: 0 })
        assert.deepStrictEqual(yield* words(one), ["deny frequency_limit"])
      })
    )

    it.effect("what was a matter of security and is asked for as another is charged then, in its one row", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 1 } })
        const notificationId = freshId()
        assert.deepStrictEqual(yield* words(mail(user, { notificationId, category: "security" })), ["allow"])
        assert.strictEqual(yield* chargesOf(user), 0)
        assert.deepStrictEqual(yield* words(mail(user, { notificationId })), ["allow"])
        assert.strictEqual(yield* chargesOf(user), 1)
        const expected = ["defer frequency_limit", "allow"]
        assert.deepStrictEqual(yield* words(mail(user), mail(user, { notificationId })), expected)
        assert.lengthOf(yield* deliveriesOf(user), 1)
      })
    )

    it.effect("an id stands for one user's notification, over whichever channel", () =>
      Effect.gen(function* () {
        const [owner, other] = [yield* somebody(), yield* somebody()]
        yield* registerDevice(other)
        const notificationId = freshId()
        yield* resolve(mail(owner, { notificationId }))
        const [email, push] = yield* resolve(
          mail(other, { notificationId }),
          mail(other, { notificationId, channel: "push" })
        )
        for (const denied of [email, push]) {
          assert.deepStrictEqual([denied?.decision, denied?.rule], ["deny", "user_mismatch"])
          assert.deepStrictEqual([denied?.email, denied?.pushTokens], [null, []])
        }
        assert.deepStrictEqual(yield* deliveriesOf(other), [])
        assert.strictEqual(yield* chargesOf(other), 0)
        const shared = freshId()
        assert.deepStrictEqual(
          yield* words(mail(owner, { notificationId: shared }), mail(other, { notificationId: shared })),
          ["allow", "deny user_mismatch"]
        )
      })
    )

    it.effect("of many users that are asked for at once under one id, it is one's", () =>
      Effect.gen(function* () {
        const users = yield* people(20)
        yield* Effect.forEach(users, (user) => registerDevice(user), { discard: true })
        const notificationId = freshId()
        const asked = users.map((user, index) =>
          mail(user, { notificationId, channel: index % 2 === 0 ? "email" : "push" })
        )
        assert.strictEqual(yield* allowedAtOnce(asked), 1)
        const charges = yield* Effect.forEach(users, (user) => chargesOf(user))
        assert.strictEqual(
          charges.reduce((sum, count) => sum + count),
          1
        )
      })
    )

    it.effect("nobody gets the id of an erased user's notification", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [erased, other] = [yield* somebody(), yield* somebody()]
        const notificationId = freshId()
        yield* resolve(mail(erased, { notificationId }))
        yield* sql`delete from users where id = ${erased}`
        assert.deepStrictEqual(yield* words(mail(other, { notificationId }), mail(erased, { notificationId })), [
          "deny user_mismatch",
          "deny user_unknown"
        ])
      })
    )

    it.effect("each is charged to the user's own day of the time it is for", () =>
      Effect.gen(function* () {
        const now = yield* DateTime.now
        // There is always a midnight of theirs within 24 hours, and two days on it is another day for everyone.
        const users = yield* Effect.forEach(["Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Pago_Pago"], (timezone) =>
          somebody({ timezone, preferences: { frequency_limit: 1 } })
        )
        for (const user of users) {
          const first = yield* resolveOne(mail(user, { at: now }))
          const second = yield* resolveOne(mail(user, { at: now }))
          assert.deepStrictEqual([first.decision, second.decision], ["allow", "defer"])
          const until = second.until ?? now
          const before = DateTime.subtract(until, { milliseconds: 1 })
          assert.deepStrictEqual(
            yield* words(mail(user, { at: before }), mail(user, { at: until }), mail(user, { at: until })),
            ["defer frequency_limit", "allow", "defer frequency_limit"]
          )
        }
      })
    )

    it.effect("times of 30 days to either side are decided upon, and nothing is when one is beyond", () =>
      Effect.gen(function* () {
        const user = yield* somebody()
        const now = yield* DateTime.now
        const away = (distance: Duration.Input) => mail(user, { at: DateTime.addDuration(now, distance) })
        assert.deepStrictEqual(yield* words(away("29 days"), away("-29 days")), ["allow", "allow"])
        const error = yield* Effect.flip(resolve(mail(user), away("31 days"), mail(user), away("-31 days")))
        assert.deepStrictEqual(error, new DeliveryTimeOutOfReach({ indexes: [1, 3] }))
        assert.lengthOf(yield* deliveriesOf(user), 2)
      })
    )

    it.effect("an address is suppressed, not a user: one that was changed may be written to", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody()
        yield* sql`
            insert into suppressions (user_id, email, reason, created_at)
            values (${user}, 'an-older-one@example.com', 'hard_bounce', now())`
        assert.deepStrictEqual(yield* words(mail(user)), ["allow"])
      })
    )

    it.effect("a user's deliveries come in pages, newest first, of a channel and a status where these are named", () =>
      Effect.gen(function* () {
        const [user, other] = [yield* somebody(), yield* somebody()]
        yield* registerDevice(user)
        yield* resolve(mail(other))
        const channels = ["email", "push", "email", "email", "push"] as const
        const made = yield* Effect.forEach(channels, (channel) => resolveOne(mail(user, { channel })))
        const ids = made.map((resolution) => resolution.notificationId).toReversed()
        yield* report({ notificationId: ids[1] ?? freshId(), status: "opened" })
        const page = (filter: DeliveryFilter, page: number, limit: number) =>
          Effect.map(
            Deliveries.use((deliveries) => deliveries.page(user, filter, { page, limit })),
            ({ items, total }) => [items.map((delivery) => delivery.notificationId), total]
          )
        assert.deepStrictEqual(yield* page({}, 1, 2), [ids.slice(0, 2), 5])
        assert.deepStrictEqual(yield* page({}, 3, 2), [ids.slice(4), 5])
        assert.deepStrictEqual(yield* page({}, 4, 2), [[], 5])
        assert.deepStrictEqual(yield* page({ channel: "push" }, 1, 10), [[ids[0], ids[3]], 2])
        assert.deepStrictEqual(yield* page({ status: "opened" }, 1, 10), [[ids[1]], 1])
        assert.deepStrictEqual(yield* page({ channel: "push", status: "opened" }, 1, 10), [[], 0])
      })
    )

    it.effect("nothing asked is nothing answered", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* resolve(), [])
      })
    )

    it.effect("1,000 recipients are answered, each for themselves", () =>
      Effect.gen(function* () {
        const users = yield* people(1000, { preferences: { frequency_limit: 1 } })
        const first = yield* resolve(...users.map((user) => mail(user)))
        assert.deepStrictEqual(
          first.map(({ email, userId }) => `${userId} ${email}`),
          users.map((user) => `${user} ${user}@example.com`)
        )
        const second = yield* resolve(...users.map((user) => mail(user)))
        assert.isTrue(second.every(({ rule }) => rule === "frequency_limit"))
      })
    )
  })
