import { assert, describe, it } from "@effect/vitest"
import { UserId } from "@user-service/domain/User"
import { Effect, Layer, Redacted } from "effect"
import { TokenVerifier } from "../TokenVerifier.ts"
import { UserServiceClient } from "../UserServiceClient.ts"
import { suite as deliveries } from "./ClientDeliveriesSuite.ts"
import { People } from "./People.ts"

const client = UserServiceClient

const fresh = () => crypto.randomUUID()

const nobody = () => UserId.make(fresh())

/** What the client promises with the service behind it and without. */
export const suite = <E>(name: string, layer: Layer.Layer<UserServiceClient | People, E>) =>
  describe(name, () => {
    it.layer(TokenVerifier.layerIntrospection.pipe(Layer.provideMerge(layer)), { excludeTestServices: true })((it) => {
      describe("users", () => {
        it.effect("who is there is read as they are", () =>
          Effect.gen(function* () {
            const email = `${fresh()}@example.com`
            const preferences = { push_marketing: true, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" }
            const { userId } = yield* People.use(({ add }) => add({ email, preferences, timezone: "Asia/Tokyo" }))
            const user = yield* client.use(({ getUser }) => getUser(userId))
            assert.strictEqual(user.id, userId)
            assert.strictEqual(user.email, email)
            assert.strictEqual(user.profile.timezone, "Asia/Tokyo")
            const found = yield* client.use(({ getPreferences }) => getPreferences(userId))
            assert.deepStrictEqual(found, user.notification_preferences)
            assert.isTrue(found.push_marketing)
            assert.strictEqual(found.do_not_disturb_start, "22:00:00")
          })
        )

        it.effect("who is not there is told as that", () =>
          Effect.gen(function* () {
            const api = yield* client
            const failures = yield* Effect.all([
              Effect.flip(api.getUser(nobody())),
              Effect.flip(api.getPreferences(nobody())),
              Effect.flip(api.getPushTokens(nobody()))
            ])
            assert.deepStrictEqual(
              failures.map(({ _tag }) => _tag),
              ["UserNotFound", "UserNotFound", "UserNotFound"]
            )
          })
        )

        it.effect("an id in capitals is the same user's, asked for alone and with others", () =>
          Effect.gen(function* () {
            const { getUser, getUsers } = yield* client
            const { add } = yield* People
            const [a, b] = [yield* add(), yield* add()]
            const capitals = UserId.make(a.userId.toUpperCase())
            assert.strictEqual((yield* getUser(capitals)).id, a.userId)
            const together = yield* Effect.all([getUser(capitals), getUser(b.userId)], { concurrency: "unbounded" })
            assert.deepStrictEqual(
              together.map(({ id }) => id),
              [a.userId, b.userId]
            )
            assert.lengthOf(yield* getUsers([capitals, a.userId]), 1)
          })
        )

        it.effect("many are read each once, in the order they are named, without those who are not there", () =>
          Effect.gen(function* () {
            const { add } = yield* People
            const [a, b] = [yield* add(), yield* add()]
            const found = yield* client.use(({ getUsers }) => getUsers([b.userId, nobody(), a.userId, b.userId]))
            assert.deepStrictEqual(
              found.map(({ id }) => id),
              [b.userId, a.userId]
            )
            assert.deepStrictEqual(yield* client.use(({ getUsers }) => getUsers([])), [])
          })
        )

        it.effect("push tokens are read with their secrets, the last first", () =>
          Effect.gen(function* () {
            const push_tokens = [
              { token: fresh(), platform: "web" },
              { token: fresh().replaceAll("-", ""), platform: "ios", token_type: "apns" }
            ] as const
            const { userId } = yield* People.use(({ add }) => add({ push_tokens }))
            const tokens = yield* client.use(({ getPushTokens }) => getPushTokens(userId))
            assert.deepStrictEqual(
              tokens.map(({ token, token_type }) => [String(token), token_type]),
              [
                [push_tokens[1].token, "apns"],
                [push_tokens[0].token, "fcm"]
              ]
            )
            assert.strictEqual((yield* client.use(({ getUser }) => getUser(userId))).push_tokens_count, 2)
          })
        )
      })

      describe("tokens", () => {
        it.effect("a live one says whose it is, and none after the logout", () =>
          Effect.gen(function* () {
            const { add, logOut } = yield* People
            const { accessToken, userId } = yield* add()
            const before = yield* client.use(({ introspectToken }) => introspectToken(accessToken))
            assert.isTrue(before.active && before.user_id === userId && before.token_type === "access")
            assert.strictEqual((yield* TokenVerifier.use(({ verify }) => verify(accessToken))).userId, userId)
            yield* logOut(accessToken)
            const after = yield* client.use(({ introspectToken }) => introspectToken(accessToken))
            assert.deepStrictEqual(after, { active: false })
          })
        )

        it.effect("what is no token is inactive and nothing else", () =>
          Effect.gen(function* () {
            for (const text of ["", "x", "a.b.c", "\0", "x".repeat(10_000)]) {
              const answer = yield* client.use(({ introspectToken }) => introspectToken(Redacted.make(text)))
              assert.deepStrictEqual(answer, { active: false })
              const refusal = yield* Effect.flip(TokenVerifier.use(({ verify }) => verify(Redacted.make(text))))
              assert.strictEqual(refusal._tag, "TokenInvalid")
            }
          })
        )
      })

      deliveries(it)
    })
  })
