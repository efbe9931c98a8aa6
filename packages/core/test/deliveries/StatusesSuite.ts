import { assert, describe, it } from "@effect/vitest"
import { CurrentOrigin } from "@user-service/core/Origin"
import { rows } from "@user-service/core/Rows"
import type { Deliveries } from "@user-service/core/deliveries/Deliveries"
import type { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { type DeliveryStatus, type NotificationId, type StatusReport } from "@user-service/domain/Delivery"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { DeviceToken } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import { DateTime, Effect, type Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import {
  chargesOf,
  deliveriesOf,
  freshId,
  mail,
  registerDevice,
  report,
  resolve,
  resolveOne,
  somebody,
  words
} from "./TestDeliveries.ts"

const EventRow = Schema.Struct({ event: Schema.toCodecJson(DomainEvent) })

const eventsOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* rows(EventRow)(
    sql`select payload as event from outbox where user_id = ${userId} order by position`
  )
  return found.map((row) => row.event)
})

const auditOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql<{ action: string }>`select action from audit_log where user_id = ${userId} order by id`
  return found.map(({ action }) => action)
})

const isLive = Effect.fnUntraced(function* (id: string) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ live: boolean }>`select is_active as live from push_tokens where id = ${id}`
  return row?.live
})

const suppressionOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ reason: string }>`select reason from suppressions where user_id = ${userId}`
  return row?.reason
})

/** The status of the user's only delivery. */
const statusOf = (userId: UserId) => Effect.map(deliveriesOf(userId), ([delivery]) => delivery?.status)

/** A notification that was allowed to a new user by e-mail. */
const sent = Effect.fnUntraced(function* (limit = 50) {
  const user = yield* somebody({ preferences: { frequency_limit: limit, push_marketing: true } })
  const device = yield* registerDevice(user, { at: longAgo })
  const notificationId = freshId()
  yield* resolve(mail(user, { notificationId }))
  return { user, device, notificationId }
})

/** The same, allowed by push too. */
const pushed = Effect.fnUntraced(function* () {
  const { notificationId, ...rest } = yield* sent()
  yield* resolve(mail(rest.user, { notificationId, channel: "push" }))
  return { ...rest, notificationId }
})

const longAgo = DateTime.makeUnsafe("2026-01-01T00:00:00Z")

const told = (
  notificationId: NotificationId,
  status: DeliveryStatus,
  more: Partial<StatusReport> = {}
): StatusReport => ({
  notificationId,
  status,
  ...more
})

/** What senders' reports come to, over any database and quotas. */
export const suite = <E>(name: string, layer: Layer.Layer<Deliveries | DeliveryStatuses | SqlClient.SqlClient, E>) =>
  it.layer(layer, { excludeTestServices: true })(name, (it) => {
    it.effect("a report of an id and a status is enough for what was resolved here", () =>
      Effect.gen(function* () {
        const { notificationId, user } = yield* sent()
        const at = DateTime.subtract(yield* DateTime.now, { hours: -1 })
        const reported = told(notificationId, "delivered", { provider: "ses", timestamp: at })
        assert.deepStrictEqual(yield* report(reported), ["applied"])
        const [delivery] = yield* deliveriesOf(user)
        assert.deepStrictEqual(
          [delivery?.status, delivery?.provider, delivery?.category],
          ["delivered", "ses", "system"]
        )
        // A time to come is that of the receipt.
        const { epochMilliseconds: now } = yield* DateTime.now
        assert.isAtMost(delivery?.updatedAt.epochMilliseconds ?? Infinity, now)
        assert.isAtLeast(delivery?.updatedAt.epochMilliseconds ?? 0, delivery?.createdAt.epochMilliseconds ?? 0)
      })
    )

    it.effect("a delivery changed when its sender says, never before it was made", () =>
      Effect.gen(function* () {
        const changedAt = (timestamp: DateTime.Utc) =>
          Effect.gen(function* () {
            const { notificationId, user } = yield* sent()
            yield* report(told(notificationId, "delivered", { timestamp }))
            const [delivery] = yield* deliveriesOf(user)
            return { createdAt: delivery?.createdAt, updatedAt: delivery?.updatedAt }
          })
        const long = yield* changedAt(DateTime.makeUnsafe("1970-01-01T00:00:00Z"))
        assert.deepStrictEqual(long.updatedAt, long.createdAt)
        const { notificationId, user } = yield* sent()
        const between = yield* DateTime.now
        yield* report(told(notificationId, "sent", { timestamp: between }))
        const [delivery] = yield* deliveriesOf(user)
        assert.deepStrictEqual(delivery?.updatedAt, between)
      })
    )

    it.effect("the highest status stands, told in any order, in one batch or in many, once or twice", () =>
      Effect.gen(function* () {
        const order = ["sent", "complained", "pending", "bounced", "delivered", "failed", "opened", "sent"] as const
        const one = yield* sent()
        yield* report(...order.map((status) => told(one.notificationId, status)))
        assert.strictEqual(yield* statusOf(one.user), "complained")
        const other = yield* sent()
        const outcomes = yield* Effect.forEach(
          ["failed", "sent", "delivered", "delivered", "failed"] as const,
          (status) => report(told(other.notificationId, status))
        )
        assert.deepStrictEqual(outcomes.flat(), ["applied", "unchanged", "applied", "unchanged", "unchanged"])
        assert.strictEqual(yield* statusOf(other.user), "delivered")
      })
    )

    it.effect("the error is that of the status that stands", () =>
      Effect.gen(function* () {
        const { notificationId, user } = yield* sent()
        const failed = told(notificationId, "failed", { error: "no", errorCode: "X", provider: "a" })
        yield* report(failed, { ...failed, error: "another" }, told(notificationId, "sent", { error: "late" }))
        const [before] = yield* deliveriesOf(user)
        assert.deepStrictEqual([before?.error, before?.errorCode, before?.provider], ["no", "X", "a"])
        yield* report(told(notificationId, "delivered"))
        const [after] = yield* deliveriesOf(user)
        assert.deepStrictEqual([after?.error, after?.errorCode, after?.provider], [null, null, "a"])
      })
    )

    it.effect("an error of any length is kept, up to a thousand characters", () =>
      Effect.gen(function* () {
        const { notificationId, user } = yield* sent()
        yield* report(told(notificationId, "failed", { error: "💥".repeat(2000), errorCode: "c".repeat(5000) }))
        const [delivery] = yield* deliveriesOf(user)
        assert.strictEqual(delivery?.error, "💥".repeat(500))
        assert.lengthOf(delivery?.errorCode ?? "", 100)
      })
    )

    it.effect("a status of no channel is that of them all, and one of a channel its own", () =>
      Effect.gen(function* () {
        const { notificationId, user } = yield* sent()
        yield* resolve(mail(user, { notificationId, channel: "push" }))
        const statuses = Effect.map(deliveriesOf(user), (all) =>
          Object.fromEntries(all.map(({ channel, status }) => [channel, status]))
        )
        yield* report(told(notificationId, "sent"))
        assert.deepStrictEqual(yield* statuses, { email: "sent", push: "sent" })
        yield* report(told(notificationId, "delivered", { channel: "push" }))
        assert.deepStrictEqual(yield* statuses, { email: "sent", push: "delivered" })
        yield* report(told(notificationId, "opened"))
        assert.deepStrictEqual(yield* statuses, { email: "opened", push: "opened" })
      })
    )

    it.effect("what was not resolved here becomes a delivery of the user that is named", () =>
      Effect.gen(function* () {
        const user = yield* somebody()
        const [email, push, unsaid] = [freshId(), freshId(), freshId()]
        assert.deepStrictEqual(
          yield* report(
            told(email, "sent", { userId: user, channel: "email" }),
            told(push, "pending", { userId: user, channel: "push", provider: "fcm" }),
            told(unsaid, "sent", { userId: user }),
            told(email, "delivered")
          ),
          ["applied", "applied", "applied", "applied"]
        )
        const found = (yield* deliveriesOf(user)).map(({ channel, status, category }) => [channel, status, category])
        assert.sameDeepMembers(found, [
          ["email", "delivered", null],
          ["push", "pending", null],
          [null, "sent", null]
        ])
      })
    )

    it.effect(
      "a delivery of no known channel is that of the first that is named, by a report or when it is resolved",
      () =>
        Effect.gen(function* () {
          const user = yield* somebody()
          const [reported, resolved] = [freshId(), freshId()]
          yield* report(told(reported, "sent", { userId: user }), told(resolved, "sent", { userId: user }))
          yield* report(told(reported, "opened", { channel: "email" }))
          yield* resolve(mail(user, { notificationId: resolved }))
          const found = (yield* deliveriesOf(user)).map(({ category, channel, status }) => [channel, status, category])
          assert.sameDeepMembers(found, [
            ["email", "opened", null],
            ["email", "sent", "system"]
          ])
          assert.strictEqual(yield* chargesOf(user), 1)
        })
    )

    it.effect("nobody's notification is unknown, another's is a mismatch, an erased user's is dropped", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { notificationId, user } = yield* sent()
        const other = yield* somebody()
        const erased = yield* sent()
        yield* report(told(erased.notificationId, "failed", { error: "mailbox of Ada is full" }))
        yield* sql`delete from users where id = ${erased.user}`
        assert.deepStrictEqual(
          yield* report(
            told(freshId(), "sent"),
            told(notificationId, "sent", { userId: other }),
            told(notificationId, "sent", { userId: user }),
            told(erased.notificationId, "delivered"),
            told(erased.notificationId, "delivered", { userId: erased.user }),
            told(freshId(), "sent", { userId: UserId.make(randomUUID()) })
          ),
          ["unknown_notification", "user_mismatch", "applied", "user_erased", "user_erased", "user_erased"]
        )
        const [left] = yield* sql`
            select user_id, error, status, is_charged from deliveries where notification_id = ${erased.notificationId}`
        assert.deepStrictEqual(left, { user_id: null, error: null, status: "failed", is_charged: false })
      })
    )

    it.effect("a notification is one user's, also where two are named for it in one batch", () =>
      Effect.gen(function* () {
        const [a, b] = [yield* somebody(), yield* somebody()]
        const id = freshId()
        const outcomes = yield* report(told(id, "sent", { userId: a }), told(id, "delivered", { userId: b }))
        assert.deepStrictEqual(outcomes, ["applied", "user_mismatch"])
        assert.deepStrictEqual(yield* deliveriesOf(b), [])
      })
    )

    it.effect("who is not there leaves it to who is named next", () =>
      Effect.gen(function* () {
        const user = yield* somebody()
        const id = freshId()
        const outcomes = yield* report(
          told(id, "sent", { userId: UserId.make(randomUUID()) }),
          told(id, "bounced", { userId: user, channel: "email", bounceType: "hard" })
        )
        assert.deepStrictEqual(outcomes, ["user_erased", "applied"])
        assert.strictEqual(yield* statusOf(user), "bounced")
      })
    )

    it.effect("the user that a batch names for a notification first is its user in the rest of the batch", () =>
      Effect.gen(function* () {
        const [user, other] = [yield* somebody(), yield* somebody()]
        const device = yield* registerDevice(user, { at: longAgo })
        const stray = yield* registerDevice(other, { at: longAgo })
        const [id, push] = [freshId(), freshId()]
        const gone = { errorCode: "UNREGISTERED" }
        const outcomes = yield* report(
          told(id, "sent"),
          told(id, "sent", { userId: user, channel: "email" }),
          told(id, "complained"),
          told(push, "failed", { ...gone, pushTokenId: stray.id }),
          told(push, "sent", { userId: user }),
          told(push, "failed", { ...gone, pushTokenId: device.id })
        )
        assert.deepStrictEqual(outcomes, [
          "unknown_notification",
          "applied",
          "applied",
          "unknown_notification",
          "applied",
          "applied"
        ])
        assert.deepStrictEqual(
          (yield* deliveriesOf(user)).map(({ status }) => status),
          ["failed", "complained"]
        )
        assert.isUndefined(yield* suppressionOf(user))
        assert.deepStrictEqual([yield* isLive(device.id), yield* isLive(stray.id)], [true, true])
      })
    )

    it.effect("nothing reported is nothing answered", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* report(), [])
      })
    )

    describe("the cap", () => {
      it.effect("is given back by a failure, once however often it is told", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent(1)
          assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
          const failed = told(notificationId, "failed")
          yield* report(failed, failed)
          yield* report(failed)
          assert.strictEqual(yield* chargesOf(user), 0)
          assert.deepStrictEqual(yield* words(mail(user), mail(user)), ["allow", "defer frequency_limit"])
          yield* report(failed)
          assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
        })
      )

      it.effect("is not given back by a failure that comes after the delivery, and taken again by one before it", () =>
        Effect.gen(function* () {
          const late = yield* sent(1)
          yield* report(told(late.notificationId, "delivered"), told(late.notificationId, "failed"))
          assert.strictEqual(yield* chargesOf(late.user), 1)
          const early = yield* sent(1)
          yield* report(told(early.notificationId, "failed"))
          yield* report(told(early.notificationId, "delivered"))
          assert.strictEqual(yield* chargesOf(early.user), 1)
          assert.deepStrictEqual(yield* words(mail(late.user), mail(early.user)), [
            "defer frequency_limit",
            "defer frequency_limit"
          ])
        })
      )

      it.effect("is given back once all channels of the notification have failed", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent(1)
          yield* resolve(mail(user, { notificationId, channel: "push" }))
          yield* report(told(notificationId, "failed", { channel: "email" }))
          assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
          yield* report(told(notificationId, "failed", { channel: "push" }))
          assert.deepStrictEqual(yield* words(mail(user)), ["allow"])
        })
      )

      it.effect("counts a notification again that failed and is allowed again", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent(1)
          yield* report(told(notificationId, "failed"))
          assert.deepStrictEqual(yield* words(mail(user, { notificationId })), ["allow"])
          assert.deepStrictEqual(yield* words(mail(user)), ["defer frequency_limit"])
          assert.strictEqual(yield* chargesOf(user), 1)
          assert.strictEqual(yield* statusOf(user), "failed")
          yield* report(told(notificationId, "delivered"))
          assert.strictEqual(yield* chargesOf(user), 1)
        })
      )

      it.effect("of a failed one that finds no room any more is what it is for any other", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent(1)
          yield* report(told(notificationId, "failed"))
          assert.deepStrictEqual(yield* words(mail(user), mail(user, { notificationId })), [
            "allow",
            "defer frequency_limit"
          ])
        })
      )
    })

    describe("a device", () => {
      it.effect(
        "that its push service does not know is deactivated, told of and left out, by either of its names",
        () =>
          Effect.gen(function* () {
            const { device, notificationId, user } = yield* pushed()
            const other = yield* registerDevice(user, { tokenType: "expo" })
            assert.deepStrictEqual(
              yield* report(
                told(notificationId, "failed", { errorCode: "unregistered", pushTokenId: device.id }),
                told(notificationId, "failed", { errorCode: "DeviceNotRegistered", pushToken: other.token })
              ),
              ["applied", "unchanged"]
            )
            assert.deepStrictEqual([yield* isLive(device.id), yield* isLive(other.id)], [false, false])
            const events = yield* eventsOf(user)
            assert.sameDeepMembers(
              events.map((event) => event._tag === "PushTokenRemoved" && [event.tokenId, event.token, event.reason]),
              [
                [device.id, device.token, "unregistered"],
                [other.id, other.token, "unregistered"]
              ]
            )
            assert.deepStrictEqual(yield* auditOf(user), ["push_token.unregistered", "push_token.unregistered"])
            assert.deepStrictEqual(yield* words(mail(user, { channel: "push" })), ["deny no_address"])
          })
      )

      it.effect(
        "is found by its raw token in any spelling, and so is one that an earlier version stored as it was sent",
        () =>
          Effect.gen(function* () {
            const user = yield* somebody()
            const hex = randomUUID().replaceAll("-", "")
            const stored = yield* registerDevice(user, { tokenType: "apns", token: hex, at: longAgo })
            const other = hex.toUpperCase().replace("4", "5")
            const asSent = yield* registerDevice(user, { tokenType: "apns", token: other, at: longAgo })
            const gone = (token: string) =>
              told(freshId(), "failed", { errorCode: "Unregistered", pushToken: DeviceToken.make(token), userId: user })
            yield* report(gone(`<${hex.toUpperCase().match(/.{8}/g)?.join(" ")}>`), gone(other))
            assert.deepStrictEqual([yield* isLive(stored.id), yield* isLive(asSent.id)], [false, false])
          })
      )

      it.effect("is deactivated once: told again, nothing more is said of it", () =>
        Effect.gen(function* () {
          const { device, notificationId, user } = yield* pushed()
          const gone = told(notificationId, "failed", { errorCode: "UNREGISTERED", pushTokenId: device.id })
          yield* report(gone, gone)
          yield* report(gone)
          assert.lengthOf(yield* eventsOf(user), 1)
        })
      )

      it.effect("that was registered again after the failure stays", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* pushed()
          const at = DateTime.makeUnsafe("2026-02-01T12:00:00Z")
          const device = yield* registerDevice(user, { at })
          const gone = (timestamp: DateTime.Utc) =>
            report(told(notificationId, "failed", { errorCode: "UNREGISTERED", pushTokenId: device.id, timestamp }))
          yield* gone(DateTime.subtract(at, { milliseconds: 1 }))
          assert.isTrue(yield* isLive(device.id))
          yield* gone(at)
          assert.isFalse(yield* isLive(device.id))
        })
      )

      it.effect("is reported gone whatever became of the notification elsewhere", () =>
        Effect.gen(function* () {
          const { device, notificationId } = yield* pushed()
          yield* report(told(notificationId, "delivered", { channel: "push" }))
          yield* report(told(notificationId, "failed", { errorCode: "UNREGISTERED", pushTokenId: device.id }))
          assert.isFalse(yield* isLive(device.id))
        })
      )

      it.effect(
        "stays for what is not permanent, not of its kind, not a failure, or not its owner's notification",
        () =>
          Effect.gen(function* () {
            const { device, notificationId, user } = yield* pushed()
            const stranger = yield* pushed()
            const apns = yield* registerDevice(user, {
              tokenType: "apns",
              at: longAgo
            })
            const failed = (more: Partial<StatusReport>) => told(notificationId, "failed", more)
            yield* report(
              failed({ errorCode: "UNAVAILABLE", pushTokenId: device.id }),
              failed({ pushTokenId: device.id }),
              failed({ errorCode: "410", pushTokenId: device.id }),
              failed({ errorCode: "404", pushTokenId: apns.id }),
              told(notificationId, "sent", { errorCode: "UNREGISTERED", pushTokenId: device.id }),
              told(stranger.notificationId, "failed", { errorCode: "UNREGISTERED", pushTokenId: device.id })
            )
            assert.deepStrictEqual([yield* isLive(device.id), yield* isLive(apns.id)], [true, true])
            yield* report(failed({ errorCode: "410", pushTokenId: apns.id }))
            assert.isFalse(yield* isLive(apns.id))
          })
      )

      describe("stays, and the status is recorded, when the report names it by its id and the notification", () => {
        const gone = { errorCode: "UNREGISTERED" }
        const whatStays = Effect.fnUntraced(function* (user: UserId, reported: StatusReport, id: string) {
          const outcomes = yield* report(reported)
          const { status } = (yield* deliveriesOf(user))[0] ?? {}
          return [outcomes, status, yield* isLive(id), yield* eventsOf(user), yield* auditOf(user)] as const
        })

        it.effect("is unknown here, whether or not the report names the user", () =>
          Effect.gen(function* () {
            for (const named of [true, false]) {
              const user = yield* somebody()
              const { id } = yield* registerDevice(user, { at: longAgo })
              const forged = told(freshId(), "failed", {
                ...gone,
                pushTokenId: id,
                ...(named ? { userId: user } : {})
              })
              assert.deepStrictEqual(yield* whatStays(user, forged, id), [["applied"], "failed", true, [], []])
            }
          })
        )

        it.effect("was resolved for e-mail only", () =>
          Effect.gen(function* () {
            const { device, notificationId, user } = yield* sent()
            const forged = told(notificationId, "failed", { ...gone, pushTokenId: device.id })
            assert.deepStrictEqual(yield* whatStays(user, forged, device.id), [["applied"], "failed", true, [], []])
          })
        )

        it.effect("was denied", () =>
          Effect.gen(function* () {
            const user = yield* somebody({ preferences: { push_enabled: false } })
            const { id } = yield* registerDevice(user, { at: longAgo })
            const notificationId = freshId()
            assert.deepStrictEqual(yield* words(mail(user, { notificationId, channel: "push" })), [
              "deny channel_disabled"
            ])
            const forged = told(notificationId, "failed", { ...gone, pushTokenId: id, userId: user })
            assert.deepStrictEqual(yield* whatStays(user, forged, id), [["applied"], "failed", true, [], []])
          })
        )

        it.effect("is said to have gone by e-mail", () =>
          Effect.gen(function* () {
            const { device, notificationId } = yield* pushed()
            yield* report(told(notificationId, "failed", { ...gone, pushTokenId: device.id, channel: "email" }))
            assert.isTrue(yield* isLive(device.id))
          })
        )

        it.effect("is another user's, named by the sender of one's own token", () =>
          Effect.gen(function* () {
            const own = yield* sent()
            const stranger = yield* pushed()
            const forged = told(freshId(), "failed", {
              ...gone,
              pushTokenId: stranger.device.id,
              pushToken: own.device.token
            })
            yield* report(
              { ...forged, userId: own.user },
              { ...forged, notificationId: own.notificationId },
              { ...forged, notificationId: freshId(), userId: stranger.user }
            )
            assert.deepStrictEqual([yield* isLive(own.device.id), yield* isLive(stranger.device.id)], [false, true])
          })
        )
      })

      it.effect("is deactivated by a notification that was resolved after a status of it came", () =>
        Effect.gen(function* () {
          const user = yield* somebody()
          const device = yield* registerDevice(user, { at: longAgo })
          const notificationId = freshId()
          const gone = told(notificationId, "failed", { errorCode: "UNREGISTERED", pushTokenId: device.id })
          yield* report({ ...gone, userId: user })
          assert.isTrue(yield* isLive(device.id))
          yield* resolve(mail(user, { notificationId, channel: "push" }))
          yield* report(gone)
          assert.isFalse(yield* isLive(device.id))
        })
      )

      it.effect("says whose a notification is that nobody knows", () =>
        Effect.gen(function* () {
          const user = yield* somebody()
          const device = yield* registerDevice(user, { at: longAgo })
          const gone = { errorCode: "UNREGISTERED", pushToken: device.token }
          const stray = { errorCode: "UNREGISTERED", pushToken: DeviceToken.make(randomUUID()) }
          assert.deepStrictEqual(yield* report(told(freshId(), "failed", gone), told(freshId(), "failed", stray)), [
            "applied",
            "unknown_notification"
          ])
          assert.isFalse(yield* isLive(device.id))
          const [delivery] = yield* deliveriesOf(user)
          assert.deepStrictEqual([delivery?.channel, delivery?.status], ["push", "failed"])
        })
      )
    })

    describe("an address", () => {
      it.effect("is suppressed in an audit entry without the origin of the sender, and so is a device", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const gateway = { ip: "203.0.113.1", network: "203.0.113.1", userAgent: "gateway" }
          const { notificationId, user } = yield* sent()
          const device = yield* registerDevice(user)
          const push = yield* resolveOne(mail(user, { channel: "push" }))
          yield* report(
            { notificationId, status: "complained" },
            told(push.notificationId, "failed", { errorCode: "unregistered", pushTokenId: device.id })
          ).pipe(Effect.provideService(CurrentOrigin, gateway))
          const audit = yield* sql`
            select action, ip, user_agent as "userAgent" from audit_log where user_id = ${user} order by action`
          assert.deepStrictEqual(audit, [
            { action: "email.suppressed", ip: null, userAgent: "" },
            { action: "push_token.unregistered", ip: null, userAgent: "" }
          ])
        })
      )

      it.effect.each([
        ["a hard bounce", { status: "bounced", bounceType: "hard" }, "hard_bounce"],
        ["a complaint", { status: "complained" }, "complaint"]
      ] as const)("is suppressed by %s", ([, what, reason]) =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent()
          yield* report({ notificationId, ...what })
          assert.strictEqual(yield* suppressionOf(user), reason)
          assert.deepStrictEqual(yield* auditOf(user), ["email.suppressed"])
          assert.deepStrictEqual(yield* words(mail(user), mail(user, { category: "security" })), [
            "deny suppressed",
            "deny suppressed"
          ])
          assert.deepStrictEqual(yield* words(mail(user, { channel: "push" })), ["allow"])
        })
      )

      describe.each([
        ["a hard bounce", { status: "bounced", bounceType: "hard" }, "hard_bounce"],
        ["a complaint", { status: "complained" }, "complaint"]
      ] as const)("is not suppressed by %s, which is recorded,", (_, what, reason) => {
        const recorded = Effect.fnUntraced(function* (user: UserId, reported: Omit<StatusReport, "status">) {
          const outcomes = yield* report({ ...reported, ...what })
          const statuses = (yield* deliveriesOf(user)).map(({ status }) => status)
          assert.deepStrictEqual([outcomes, statuses.includes(what.status)], [["applied"], true])
          assert.deepStrictEqual([yield* suppressionOf(user), yield* auditOf(user)], [undefined, []])
          assert.deepStrictEqual(yield* words(mail(user, { category: "security" })), ["allow"])
        })

        it.effect("of a notification that is unknown here", () =>
          Effect.gen(function* () {
            const user = yield* somebody()
            yield* recorded(user, { notificationId: freshId(), userId: user, channel: "email" })
            yield* recorded(user, { notificationId: freshId(), userId: user })
          })
        )

        it.effect("of a notification that names one of the user's tokens", () =>
          Effect.gen(function* () {
            const user = yield* somebody()
            const { id, token } = yield* registerDevice(user)
            yield* recorded(user, { notificationId: freshId(), pushToken: token, channel: "email" })
            yield* recorded(user, { notificationId: freshId(), pushTokenId: id, userId: user, channel: "email" })
          })
        )

        it.effect("of a notification that was resolved for push only, or denied", () =>
          Effect.gen(function* () {
            const user = yield* somebody({ preferences: { email_system: false } })
            yield* registerDevice(user)
            const [push, denied] = [freshId(), freshId()]
            yield* resolve(
              mail(user, { notificationId: push, channel: "push", category: "security" }),
              mail(user, { notificationId: denied })
            )
            yield* recorded(user, { notificationId: push, channel: "email" })
            yield* recorded(user, { notificationId: denied, channel: "email", userId: user })
          })
        )

        it.effect("before the notification was resolved, and is when it comes again afterwards", () =>
          Effect.gen(function* () {
            const user = yield* somebody()
            const notificationId = freshId()
            yield* recorded(user, { notificationId, userId: user })
            yield* resolve(mail(user, { notificationId }))
            assert.isUndefined(yield* suppressionOf(user))
            assert.deepStrictEqual(yield* report({ notificationId, ...what }), ["applied"])
            assert.strictEqual(yield* suppressionOf(user), reason)
            assert.deepStrictEqual(yield* report({ notificationId, ...what }), ["unchanged"])
            assert.deepStrictEqual(yield* auditOf(user), ["email.suppressed"])
          })
        )
      })

      it.effect("is not for a soft bounce, one of no kind, or what befell a push", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent()
          const push = freshId()
          yield* resolve(mail(user, { notificationId: push, channel: "push" }))
          yield* report(
            told(notificationId, "bounced", { bounceType: "soft" }),
            told(notificationId, "bounced"),
            told(push, "bounced", { bounceType: "hard" }),
            told(push, "complained")
          )
          assert.isUndefined(yield* suppressionOf(user))
        })
      )

      it.effect("is when the hard bounce comes after a soft one, and a complaint is the last word", () =>
        Effect.gen(function* () {
          const { notificationId, user } = yield* sent()
          const bounced = (bounceType: "hard" | "soft") => told(notificationId, "bounced", { bounceType })
          assert.deepStrictEqual(yield* report(bounced("soft"), bounced("hard")), ["applied", "applied"])
          assert.strictEqual(yield* suppressionOf(user), "hard_bounce")
          yield* report(told(notificationId, "complained"))
          assert.strictEqual(yield* suppressionOf(user), "complaint")
          const other = freshId()
          yield* report(told(other, "bounced", { bounceType: "hard", userId: user, channel: "email" }))
          assert.strictEqual(yield* suppressionOf(user), "complaint")
        })
      )

      it.effect("that was verified again stays so when the old bounce is told once more", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { notificationId, user } = yield* sent()
          const bounced = told(notificationId, "bounced", { bounceType: "hard" })
          yield* report(bounced)
          yield* sql`delete from suppressions where user_id = ${user}`
          yield* report(bounced, bounced)
          assert.isUndefined(yield* suppressionOf(user))
        })
      )

      it.effect("is not when it is not the one that the notification went to", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { notificationId, user } = yield* sent()
          yield* sql`update users set email = ${`new-${user}@example.com`} where id = ${user}`
          yield* report(told(notificationId, "bounced", { bounceType: "hard" }))
          assert.isUndefined(yield* suppressionOf(user))
          const next = yield* resolveOne(mail(user))
          yield* report(told(next.notificationId, "bounced", { bounceType: "hard" }))
          assert.strictEqual(yield* suppressionOf(user), "hard_bounce")
          yield* sql`update users set email = ${`newer-${user}@example.com`} where id = ${user}`
          assert.deepStrictEqual(yield* words(mail(user)), ["allow"])
        })
      )
    })
  })
