import { assert, describe, it } from "@effect/vitest"
import { Logins } from "@user-service/core/accounts/Logins"
import { CurrentOrigin } from "@user-service/core/Origin"
import type { Email } from "@user-service/domain/Email"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { layer, noticesOf, password, register } from "../TestCore.ts"

const origin = (ip: string, userAgent = "Firefox", network = ip) =>
  Effect.provideService(CurrentOrigin, { ip, network, userAgent })

const login = (email: Email) => Logins.use((logins) => logins.login({ email, password, deviceName: "" }))

const home = "192.0.2.1"

describe("a login", () => {
  it.layer(layer())((it) => {
    it.effect("from another network sends one notice with the address and user agent", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin("203.0.113.5", "Chrome"))
        yield* login(email).pipe(origin("203.0.113.5", "Chrome"))
        const notices = yield* noticesOf(userId)
        assert.deepStrictEqual(
          notices.map(({ ip, kind, userAgent }) => [kind, ip, userAgent]),
          [["new_device", "203.0.113.5", "Chrome"]]
        )
        assert.strictEqual(notices[0]?.email, email)
      })
    )

    it.effect("from the network of the registration or its /24 sends no notice", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin(home, "Chrome"))
        yield* login(email).pipe(origin("192.0.2.254", "Safari"))
        assert.deepStrictEqual(yield* noticesOf(userId), [])
        yield* login(email).pipe(origin("192.0.3.1", "Safari"))
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )

    it.effect("over IPv6 sends a notice for each new /64", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register.pipe(origin("2001:db8:1:1::1", "A", "2001:db8:1:1::/64"))
        yield* login(email).pipe(origin("2001:db8:1:1::2", "B", "2001:db8:1:1::/64"))
        assert.deepStrictEqual(yield* noticesOf(userId), [])
        yield* login(email).pipe(origin("2001:db8:1:2::1", "B", "2001:db8:1:2::/64"))
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )

    it.effect("with a user agent that was in a notice of the same day sends no second notice", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin("198.51.100.1", "Phone"))
        yield* login(email).pipe(origin("203.0.113.1", "Phone"))
        assert.lengthOf(yield* noticesOf(userId), 1)
        yield* login(email).pipe(origin("203.0.113.1", "Other"))
        yield* login(email).pipe(origin("203.0.114.1", "Other"))
        assert.lengthOf(yield* noticesOf(userId), 2)
        yield* sql`update known_networks set noticed_at = noticed_at - interval '1 day' where user_id = ${userId}`
        yield* login(email).pipe(origin("203.0.115.1", "Phone"))
        assert.lengthOf(yield* noticesOf(userId), 3)
      })
    )

    it.effect("from a network that was not used for ninety days sends a notice", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const passDays = (days: number) => sql`
          update known_networks set last_seen_at = last_seen_at - make_interval(days => ${days}),
            noticed_at = noticed_at - make_interval(days => ${days})
          where user_id = ${userId}`
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin("203.0.113.1"))
        yield* passDays(89)
        yield* login(email).pipe(origin(home))
        assert.lengthOf(yield* noticesOf(userId), 1)
        yield* passDays(1)
        yield* login(email).pipe(origin("203.0.113.1"))
        assert.lengthOf(yield* noticesOf(userId), 2)
      })
    )

    it.effect("to an account whose networks were all deleted sends a notice", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin(home))
        yield* sql`delete from known_networks where user_id = ${userId}`
        yield* login(email).pipe(origin("203.0.113.1"))
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )

    it.effect("that is the first one of an imported account sends no notice and makes its network known", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register.pipe(origin(home))
        yield* sql`delete from known_networks where user_id = ${userId}`
        yield* login(email).pipe(origin("203.0.113.1"))
        assert.deepStrictEqual(yield* noticesOf(userId), [])
        yield* login(email).pipe(origin("198.51.100.1"))
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )

    it.effect.each([
      ["192.0.2.9", home, home],
      ["2001:db8:1:1::1", "2001:db8:1:1::5", "2001:db8:1:1::/64"],
      ["2001:db8:1:1::/64", "2001:db8:1:1::5", "2001:db8:1:1::/64"]
    ] as const)("from a network that an older release stored as %s sends no notice", ([stored, ip, network]) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register.pipe(origin("198.51.100.77"))
        yield* sql`delete from known_networks where user_id = ${userId}`
        yield* sql`insert into login_addresses (user_id, ip, last_login_at) values (${userId}, ${stored}, now())`
        yield* login(email).pipe(origin(ip, "A", network))
        assert.deepStrictEqual(yield* noticesOf(userId), [])
        yield* sql`delete from known_networks where user_id = ${userId}`
        yield* login(email).pipe(origin("203.0.113.1"))
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )

    it.effect("stores neither the address nor the user agent as plain text", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register.pipe(origin(home))
        yield* login(email).pipe(origin("203.0.113.1", "Chrome"))
        const stored = yield* sql`select k::text as text from known_networks k where user_id = ${userId}`
        assert.lengthOf(stored, 6)
        for (const { text } of stored) {
          for (const clear of [home, "203.0.113", "Chrome", "Firefox"]) {
            assert.notInclude(String(text), clear)
            assert.notInclude(String(text), Buffer.from(clear).toString("hex"))
          }
        }
        assert.lengthOf(yield* sql`select 1 from login_addresses where user_id = ${userId}`, 0)
      })
    )

    it.effect("from a new network sends one notice if two are concurrent", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register.pipe(origin(home))
        yield* Effect.replicateEffect(login(email).pipe(origin("203.0.113.1")), 5, { concurrency: "unbounded" })
        assert.lengthOf(yield* noticesOf(userId), 1)
      })
    )
  })
})
