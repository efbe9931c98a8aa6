import { assert, describe, it } from "@effect/vitest"
import { NotificationId } from "@user-service/domain/Delivery"
import { UserId } from "@user-service/domain/User"
import { Effect, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { clientAt, gatewayKey, withGateway } from "../service-side/Callers.ts"
import { repeatConcurrently, Fleet } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const limit = 7

// As senders do: what was in vain is asked again.
const patiently = <A, E extends { readonly _tag: string }>(call: Effect.Effect<A, E>) =>
  Effect.retry(call, {
    while: ({ _tag }) => _tag === "ServiceUnavailable",
    schedule: Schedule.spaced("200 millis"),
    times: 20
  })

const freshId = () => NotificationId.make(randomUUID())

/** A user who wants no more than {@link limit} a day, and senders that ask both processes in turn. */
const make = Effect.gen(function* () {
  const { a, b } = yield* Fleet
  const person = yield* a.person()
  const body = { frequency_limit: limit }
  yield* a.send("PATCH", "/api/v1/users/preferences/", { token: person.access, body })
  const [first, second] = [yield* clientAt(a.url, gatewayKey), yield* clientAt(b.url, gatewayKey)]
  const nth = (index: number) => (index % 2 === 0 ? first : second)
  const delivery = { user_id: UserId.make(person.id), channel: "email", category: "system" } as const

  /** Asks about each notification, all at once; answers those that are allowed. */
  const allowed = Effect.fnUntraced(function* (ids: ReadonlyArray<NotificationId>) {
    const resolved = yield* repeatConcurrently(ids.length, (index) =>
      patiently(
        nth(index).ResolveDeliveries({ deliveries: [{ ...delivery, notification_id: ids[index] ?? freshId() }] })
      )
    )
    return resolved.flat().flatMap(({ decision, notification_id }) => (decision === "allow" ? [notification_id] : []))
  })

  /** Tells of each notification that it failed, over both processes at once. */
  const fail = (ids: ReadonlyArray<NotificationId>) =>
    repeatConcurrently(ids.length * 2, (index) =>
      patiently(
        nth(index).ReportDeliveryStatus({
          statuses: [{ notification_id: ids[Math.floor(index / 2)] ?? freshId(), status: "failed" }]
        })
      )
    )

  return { allowed, fail }
})

describe.skipIf(databaseUrl === "" || redisUrl === "")("the cap of a day over two processes", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl, withGateway), { excludeTestServices: true })((it) => {
    it.effect("of a hundred concurrent notifications, exactly the user's limit is allowed", () =>
      Effect.gen(function* () {
        const { allowed } = yield* make
        assert.lengthOf(yield* allowed(Array.from({ length: 100 }, freshId)), limit)
        assert.lengthOf(yield* allowed(Array.from({ length: 20 }, freshId)), 0)
      })
    )

    it.effect("of a hundred concurrent requests for one notification, all are allowed and one is counted", () =>
      Effect.gen(function* () {
        const { allowed } = yield* make
        const id = freshId()
        assert.lengthOf(yield* allowed(Array.from({ length: 100 }, () => id)), 100)
        assert.lengthOf(yield* allowed(Array.from({ length: 50 }, freshId)), limit - 1)
      })
    )

    it.effect("a failure is refunded once, however often it is reported", () =>
      Effect.gen(function* () {
        const { allowed, fail } = yield* make
        const sent = yield* allowed(Array.from({ length: 50 }, freshId))
        assert.lengthOf(sent, limit)
        yield* fail(sent.slice(0, 3))
        assert.lengthOf(yield* allowed(Array.from({ length: 50 }, freshId)), 3)
        yield* fail(sent.slice(0, 3))
        assert.lengthOf(yield* allowed(Array.from({ length: 50 }, freshId)), 0)
      })
    )
  })
})
