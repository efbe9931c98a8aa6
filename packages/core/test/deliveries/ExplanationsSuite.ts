import { assert, it } from "@effect/vitest"
import type { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { DeliveryExplanations, type ExplanationQuery } from "@user-service/core/deliveries/DeliveryExplanations"
import type { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { DeliveryRule, type NotificationId } from "@user-service/domain/Delivery"
import type { RuleCheck } from "@user-service/domain/deliveries/DeliveryRules"
import { UserId } from "@user-service/domain/User"
import { DateTime, Effect, type Layer, String } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import {
  chargesOf,
  deliveriesOf,
  freshId,
  mail,
  people,
  registerDevice,
  report,
  resolve,
  somebody,
  wordOf,
  words
} from "./TestDeliveries.ts"

const explain = (userId: UserId, query: Partial<ExplanationQuery> = {}) =>
  DeliveryExplanations.use((explanations) =>
    explanations.explain(userId, { channel: "email", category: "system", ...query })
  )

const recorded = (notificationId: NotificationId) =>
  DeliveryExplanations.use((explanations) => explanations.recorded(notificationId))

/** What is recorded of a notification to one user over one channel. */
const recordedOne = (notificationId: NotificationId) =>
  Effect.map(recorded(notificationId), ({ deliveries }) => {
    const [one, ...others] = deliveries
    if (one === undefined || others.length > 0) throw new Error(`${deliveries.length} instead of one`)
    return one
  })

/** The facts of a rule, by name. */
const factsOf = (checks: ReadonlyArray<RuleCheck>, rule: DeliveryRule) =>
  Object.fromEntries(
    checks.flatMap((check) => (check.rule === rule ? check.facts.map(({ name, value }) => [name, value]) : []))
  )

/** Changes a setting of the user's preferences, on this day. */
const change = Effect.fnUntraced(function* (
  user: UserId,
  setting: string,
  [before, after]: readonly [unknown, unknown],
  { day = "2026-11-30", source = "user" } = {}
) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    update notification_preferences set ${sql(String.camelToSnake(setting))} = ${after}, version = version + 1
    where user_id = ${user}`
  yield* sql`
    insert into preference_history (user_id, version, source, actor_id, changes, created_at)
    select user_id, version, ${source}, ${user}::uuid, ${JSON.stringify({ [setting]: [before, after] })}::jsonb,
      ${`${day}T10:00:00Z`}::timestamptz
    from notification_preferences where user_id = ${user}`
})

/** The contract of explanations, over any database. */
export const suite = <E>(
  name: string,
  layer: Layer.Layer<Deliveries | DeliveryExplanations | DeliveryStatuses | SqlClient.SqlClient, E>
) =>
  it.layer(layer, { excludeTestServices: true })(name, (it) => {
    it.effect(
      "the decision now is the decision of a call, with all rules, and neither charges nor records anything",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const suppressed = yield* somebody()
          yield* sql`
          insert into suppressions (user_id, email, reason, created_at)
          values (${suppressed}, ${`${suppressed}@example.com`}, 'hard_bounce', '2026-11-20T10:00:00Z')`
          const full = yield* somebody({ preferences: { frequency_limit: 1 } })
          yield* resolve(mail(full))
          const users: ReadonlyArray<UserId> = [
            UserId.make(randomUUID()),
            yield* somebody({ isActive: false }),
            yield* somebody({ preferences: { email_enabled: false } }),
            yield* somebody({ preferences: { email_system: false } }),
            suppressed,
            yield* somebody({ preferences: { do_not_disturb_start: "00:00:00", do_not_disturb_end: "23:59:59" } }),
            yield* somebody({ preferences: { frequency_limit: 0 } }),
            full,
            yield* somebody()
          ]
          const tomorrow = DateTime.add(DateTime.startOf(yield* DateTime.now, "day"), { hours: 36 })
          for (const [index, user] of users.entries()) {
            const at = user === full ? yield* DateTime.now : tomorrow
            const charges = yield* chargesOf(user)
            const explained = yield* explain(user, { at })
            assert.strictEqual(yield* chargesOf(user), charges)
            assert.lengthOf(yield* deliveriesOf(user), user === full ? 1 : 0)
            const [resolution] = yield* resolve(mail(user, { at }))
            const { checks, decision, preferencesVersion, rule, until } = explained
            assert.deepStrictEqual(
              { decision, rule, until, preferencesVersion },
              {
                decision: resolution?.decision,
                rule: resolution?.rule,
                until: resolution?.until,
                preferencesVersion: resolution?.preferencesVersion
              },
              `${index}`
            )
            assert.deepStrictEqual(
              checks.map((check) => check.rule),
              [...DeliveryRule.literals]
            )
            assert.strictEqual(checks.find(({ passed }) => passed === false)?.rule ?? null, rule)
            assert.deepStrictEqual(checks.find(({ passed }) => passed === false)?.until ?? null, until)
            assert.match(explained.nextStep, /^[A-Z].*\.$/u)
          }
        })
    )

    it.effect("each rule shows the values that it depends on, whether it was reached or not", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody({
          isActive: false,
          timezone: "Asia/Kathmandu",
          preferences: {
            push_marketing: true,
            do_not_disturb_start: "22:00:00",
            do_not_disturb_end: "07:00:00",
            frequency_limit: 9
          }
        })
        yield* registerDevice(user)
        yield* registerDevice(user)
        yield* registerDevice(user, { isActive: false })
        yield* sql`
          insert into suppressions (user_id, email, reason, created_at)
          values (${user}, ${`${user}@example.com`}, 'complaint', '2026-11-20T10:00:00Z')`
        const today = DateTime.startOf(yield* DateTime.now, "day")
        const at = DateTime.add(today, { hours: 18, minutes: 30, seconds: 15 })
        const push = yield* explain(user, { channel: "push", category: "marketing", at })
        assert.deepStrictEqual(
          DeliveryRule.literals.map((rule) => factsOf(push.checks, rule)),
          [
            { user_exists: true },
            { is_active: false },
            { push_enabled: true },
            { push_marketing: true },
            { channel: "push" },
            { push_tokens: 2 },
            {
              do_not_disturb_start: "22:00:00",
              do_not_disturb_end: "07:00:00",
              local_time: "00:15:15",
              timezone: "Asia/Kathmandu"
            },
            {
              frequency_limit: 9,
              notifications_charged: 0,
              local_day: DateTime.formatIsoDateUtc(DateTime.add(today, { days: 1 }))
            },
            { notification_of_another_user: false }
          ]
        )
        const email = yield* explain(user, { category: "security", at })
        assert.deepStrictEqual(factsOf(email.checks, "suppressed"), {
          email_suppressed: true,
          suppression_reason: "complaint",
          suppressed_since: "2026-11-20T10:00:00.000Z"
        })
        assert.deepStrictEqual(factsOf(email.checks, "do_not_disturb"), { category: "security" })
        assert.deepStrictEqual(factsOf(email.checks, "frequency_limit"), { category: "security" })
      })
    )

    it.effect("the next step of a switch names who switched it off, and when", () =>
      Effect.gen(function* () {
        const [user, linked, unchanged] = yield* people(3)
        yield* change(user, "emailMarketing", [true, false], { day: "2026-11-01" })
        yield* change(user, "emailMarketing", [false, true], { day: "2026-11-02" })
        yield* change(user, "emailMarketing", [true, false])
        yield* change(user, "emailSystem", [true, false], { source: "admin" })
        yield* change(linked ?? user, "emailMarketing", [true, false], { source: "unsubscribe" })
        yield* registerDevice(unchanged ?? user)
        const step = (userId: UserId, query: Partial<ExplanationQuery>) =>
          Effect.map(explain(userId, query), ({ nextStep }) => nextStep)
        assert.strictEqual(
          yield* step(user, { category: "marketing" }),
          "The user switched off marketing e-mails on 2026-11-30. The user can switch them on, or a member of staff, if the user asks for it."
        )
        assert.strictEqual(
          yield* step(user, {}),
          "A member of staff switched off system e-mails on 2026-11-30; the audit log has the reason. The user can switch them on, or a member of staff, if the user asks for it."
        )
        assert.strictEqual(
          yield* step(linked ?? user, { category: "marketing" }),
          "The user unsubscribed from marketing e-mails by the link in an e-mail on 2026-11-30. The user can switch them on, or a member of staff, if the user asks for it."
        )
        assert.strictEqual(
          yield* step(unchanged ?? user, { channel: "push", category: "marketing" }),
          "Marketing push notifications have been switched off since the account was created. The user can switch them on, or a member of staff, if the user asks for it."
        )
      })
    )

    it.effect("a recorded decision shows the settings of its time, not those of today", () =>
      Effect.gen(function* () {
        const user = yield* somebody({ preferences: { frequency_limit: 7 } })
        yield* change(user, "emailMarketing", [true, false])
        const id = freshId()
        yield* resolve(mail(user, { notificationId: id, category: "marketing" }))
        yield* change(user, "emailMarketing", [false, true], { day: "2026-12-01" })
        yield* change(user, "frequencyLimit", [7, 3], { day: "2026-12-01" })
        yield* change(user, "emailEnabled", [true, false], { day: "2026-12-01" })
        const one = yield* recordedOne(id)
        assert.deepStrictEqual([one.userId, one.channel, one.delivery], [user, "email", null])
        const [decision] = one.decisions
        assert.deepStrictEqual(
          [decision?.decision, decision?.rule, decision?.until, decision?.preferencesVersion],
          ["deny", "category_disabled", null, 2]
        )
        const checks = decision?.checks ?? []
        assert.deepStrictEqual(
          checks.map(({ passed }) => passed),
          [true, true, true, false, null, null, null, null, null]
        )
        assert.deepStrictEqual(factsOf(checks, "channel_disabled"), { email_enabled: true })
        assert.deepStrictEqual(factsOf(checks, "category_disabled"), { email_marketing: false })
        assert.deepStrictEqual(factsOf(checks, "frequency_limit")["frequency_limit"], 7)
        // What is not recorded and does not follow from the rule is unknown.
        assert.deepStrictEqual(factsOf(checks, "user_inactive"), { is_active: true })
        assert.deepStrictEqual(factsOf(checks, "suppressed"), { email_suppressed: null })
        assert.strictEqual(
          one.nextStep,
          "The user switched off marketing e-mails on 2026-11-30. The user can switch them on, or a member of staff, if the user asks for it. " +
            "The user switched off all e-mails on 2026-12-01. The user can switch them on, or a member of staff, if the user asks for it."
        )
      })
    )

    it.effect("what is deferred in the night and allowed in the morning has both decisions and the status", () =>
      Effect.gen(function* () {
        const user = yield* somebody({
          timezone: "Etc/GMT-1",
          preferences: { do_not_disturb_start: "22:00:00", do_not_disturb_end: "07:00:00" }
        })
        const id = freshId()
        const midnight = DateTime.startOf(DateTime.add(yield* DateTime.now, { days: 1 }), "day")
        const request = mail(user, { notificationId: id })
        assert.deepStrictEqual(yield* words({ ...request, at: midnight }), ["defer do_not_disturb"])
        const refused = yield* recordedOne(id)
        assert.deepStrictEqual(factsOf(refused.decisions[0]?.checks ?? [], "do_not_disturb"), {
          do_not_disturb_start: "22:00:00",
          do_not_disturb_end: "07:00:00",
          local_time: "01:00:00",
          timezone: null
        })
        const until = DateTime.add(midnight, { hours: 6 })
        assert.include(
          refused.nextStep,
          `The user has quiet hours from 22:00 to 07:00 local time. The sender can resolve the notification again from ${DateTime.formatIso(until).slice(0, 10)} 06:00 UTC on.`
        )
        assert.deepStrictEqual(yield* words({ ...request, at: until }), ["allow"])
        const sentAt = DateTime.add(yield* DateTime.now, { seconds: -1 })
        yield* report({ notificationId: id, status: "sent" }, { notificationId: id, status: "delivered" })
        yield* report({ notificationId: id, status: "sent", timestamp: sentAt })
        yield* report({ notificationId: id, status: "bounced", errorCode: "550 no such user", provider: "ses" })
        const one = yield* recordedOne(id)
        assert.deepStrictEqual(
          one.decisions.map(({ decision, rule, until: end }) => [decision, rule, end]),
          [
            ["allow", null, null],
            ["defer", "do_not_disturb", until]
          ]
        )
        assert.isTrue(one.decisions[0]?.checks.every(({ passed }) => passed))
        assert.deepStrictEqual(factsOf(one.decisions[0]?.checks ?? [], "frequency_limit"), {
          frequency_limit: 50,
          notifications_charged: 1,
          local_day: DateTime.formatIso(until).slice(0, 10)
        })
        assert.deepStrictEqual(
          [one.delivery?.status, one.delivery?.errorCode, one.delivery?.provider],
          ["bounced", "550 no such user", "ses"]
        )
        assert.deepStrictEqual(
          one.statuses.map(({ status }) => status),
          ["sent", "delivered", "bounced"]
        )
        assert.deepStrictEqual(one.statuses.at(-1)?.at, one.delivery?.updatedAt)
        assert.match(one.nextStep, /^The address refused it: 550 no such user, as reported at .* UTC\. Ask the user/)
      })
    )

    it.effect("a refused notification that would be allowed now may be sent again", () =>
      Effect.gen(function* () {
        const user = yield* somebody()
        const id = freshId()
        yield* resolve(mail(user, { notificationId: id, channel: "push" }))
        yield* registerDevice(user)
        const one = yield* recordedOne(id)
        assert.deepStrictEqual(factsOf(one.decisions[0]?.checks ?? [], "no_address"), { push_tokens: 0 })
        assert.match(one.nextStep, /^The user has no active push token\..*the sender can resolve and send it again\.$/)
      })
    )

    it.effect("a notification has what is recorded for each of its users and channels", () =>
      Effect.gen(function* () {
        const [user, other] = yield* people(2)
        const id = freshId()
        const stranger = UserId.make(randomUUID())
        yield* resolve(
          mail(user, { notificationId: id }),
          mail(user, { notificationId: id, channel: "push" }),
          mail(other ?? user, { notificationId: id }),
          mail(stranger, { notificationId: id })
        )
        const { deliveries, notificationId } = yield* recorded(id)
        assert.strictEqual(notificationId, id)
        const summary = deliveries.map(({ channel, decisions, delivery, userId }) => [
          userId,
          channel,
          delivery?.status ?? null,
          decisions.map(({ decision, rule }) => (rule === null ? decision : `${decision} ${rule}`)).join()
        ])
        assert.deepStrictEqual(summary[0], [user, "email", "pending", "allow"])
        assert.sameDeepMembers(summary, [
          [user, "email", "pending", "allow"],
          [user, "push", null, "deny no_address"],
          [other, "email", null, "deny user_mismatch"],
          [stranger, "email", null, "deny user_unknown"]
        ])
        assert.strictEqual(
          deliveries.find(({ userId }) => userId === other)?.nextStep,
          "The notification's id belongs to a notification of another user. The sender must use an id of its own for each user."
        )
        assert.deepStrictEqual((yield* recorded(freshId())).deliveries, [])
      })
    )

    it.effect("of an erased user the status stays, without decisions", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody()
        const id = freshId()
        yield* resolve(mail(user, { notificationId: id }), mail(user, { notificationId: id, channel: "push" }))
        yield* sql`delete from users where id = ${user}`
        const one = yield* recordedOne(id)
        assert.deepStrictEqual(
          [one.userId, one.channel, one.delivery?.status, one.decisions],
          [null, "email", "pending", []]
        )
        assert.strictEqual(one.nextStep, "The user was erased since then, so only the status is kept.")
      })
    )

    it.effect("a delivery of an older release has a status and no decision", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* somebody()
        const id = freshId()
        yield* sql`
          insert into deliveries (id, notification_id, place, user_id, channel, category, status, created_at, updated_at)
          values (${randomUUID()}, ${id}, 0, ${user}, 'email', 'system', 'pending', now(), now())`
        const one = yield* recordedOne(id)
        assert.deepStrictEqual([one.delivery?.status, one.decisions], ["pending", []])
        assert.match(one.nextStep, /^The sender was allowed to send it/)
        assert.strictEqual(wordOf((yield* resolve(mail(user, { notificationId: id })))[0] ?? assert.fail()), "allow")
      })
    )
  })
