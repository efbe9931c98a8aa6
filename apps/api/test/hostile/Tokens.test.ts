import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, layerEmbedded, type Person, type RequestInput, TestApi, type Tokens } from "../TestApi.ts"
import * as Client from "./Client.ts"
import * as Forgeries from "./Forgeries.ts"
import { failureProblems, headerProblems } from "./Judge.ts"
import * as Random from "./Random.ts"

const seed = 20_261_124

const users = "/api/v1/users"

// What has other characters in it is no header, and never gets to a token's reader.
const isHeader = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)

/** Every place that a token is shown. */
const places: Readonly<Record<string, (token: string) => Client.Request>> = {
  bearer: (token) => ({
    method: "GET",
    path: `${users}/profile/`,
    headers: { authorization: `Bearer ${token}` }
  }),
  verify: (token) => posted("token/verify", { token }),
  refresh: (token) => posted("token/refresh", { refresh: token }),
  logout: (token) => posted("logout", { refresh: token })
}

const posted = (path: string, body: unknown): Client.Request => ({
  method: "POST",
  path: `${users}/${path}/`,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

const problemsWith = (answer: Answer): ReadonlyArray<string> => {
  if (answer.status !== 401) return [`${answer.status}: ${answer.text.slice(0, 200)}`]
  const isCode = ["token_invalid", "token_expired"].includes(answer.body?.code)
  return [
    ...(isCode ? [] : [`code ${answer.body?.code}`]),
    ...(answer.headers.get("www-authenticate") === null ? ["no WWW-Authenticate"] : []),
    ...headerProblems(answer),
    ...failureProblems(answer)
  ]
}

/** Two people, and everything that there is to forge. */
const genuine = Effect.gen(function* () {
  const api = yield* TestApi
  const tokens: readonly [Tokens, Tokens] = [yield* api.person(), yield* api.person()]
  return { settings: api.settings, tokens, now: Math.floor(Date.now() / 1000) }
})

/** What is wrong with the answers to these tokens, shown wherever tokens are. */
const problemsOf = (forgeries: ReadonlyArray<Forgeries.Forgery>) =>
  Effect.gen(function* () {
    const send = yield* Client.make((yield* TestApi).url, 1)
    const problems: Array<string> = []
    for (const { name, token } of forgeries) {
      for (const [place, request] of Object.entries(places)) {
        if (place === "bearer" && !isHeader(token)) continue
        // A session that is not there has ended already.
        if (place === "logout" && name.includes("an unknown session")) continue
        problems.push(...problemsWith(yield* send(request(token))).map((problem) => `${place}, ${name}: ${problem}`))
      }
    }
    return problems
  })

/** That both are as good as ever. */
const assertGood = Effect.fnUntraced(function* ({ access, refresh }: Tokens) {
  const send = yield* Client.make((yield* TestApi).url, 1)
  for (const request of [places["bearer"]?.(access), places["verify"]?.(access), places["refresh"]?.(refresh)]) {
    assert.isDefined(request)
    assert.strictEqual((yield* send(request)).status, 200)
  }
})

describe(`forged tokens, by seed ${seed}`, { timeout: 120_000 }, () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("none is accepted, wherever it is sent", () =>
      Effect.gen(function* () {
        const known = yield* genuine
        const forgeries = Forgeries.make(known, Random.make(seed))
        assert.isAtLeast(new Set(forgeries.map(({ token }) => token)).size, 500)
        assert.deepStrictEqual(yield* problemsOf(forgeries), [])
        yield* Effect.forEach(known.tokens, assertGood)
      })
    )

    it.effect("only one spelling of a signature is accepted", () =>
      Effect.gen(function* () {
        const {
          tokens: [one]
        } = yield* genuine
        assert.deepStrictEqual(
          yield* problemsOf([...Forgeries.respellings(one.access), ...Forgeries.respellings(one.refresh)]),
          []
        )
        yield* assertGood(one)
      })
    )

    it.effect("a token that is not valid yet is refused", () =>
      Effect.gen(function* () {
        const known = yield* genuine
        assert.deepStrictEqual(yield* problemsOf(Forgeries.prematureTokens(known)), [])
        yield* Effect.forEach(known.tokens, assertGood)
      })
    )

    it.effect("a session of another user is refused", () =>
      Effect.gen(function* () {
        const known = yield* genuine
        assert.deepStrictEqual(yield* problemsOf(Forgeries.swappedTokens(known)), [])
        yield* Effect.forEach(known.tokens, assertGood)
      })
    )
  })
})

/** Each way a session ends, as the service goes about it. */
const endings: Readonly<Record<string, (person: Person) => Effect.Effect<unknown, unknown, TestApi>>> = {
  "logged out": ({ access }) => send("POST", "logout", { token: access }),
  "logged out everywhere": ({ access }) => send("POST", "logout-all", { token: access }),
  "ended by hand": Effect.fnUntraced(function* ({ access }) {
    const { body } = yield* send("GET", "sessions", { token: access })
    const { id } = body.data.find((session: { readonly current: boolean }) => session.current)
    yield* send("DELETE", `sessions/${id}`, { token: access })
  }),
  "ended by a new password": ({ access, password }) =>
    send("POST", "change-password", {
      token: access,
      body: { old_password: password, new_password: "another good one", new_password_confirm: "another good one" }
    }),
  "ended by theft": Effect.fnUntraced(function* ({ refresh }) {
    const { body } = yield* send("POST", "token/refresh", { body: { refresh } })
    yield* send("POST", "token/refresh", { body: { refresh: body.refresh } })
    yield* send("POST", "token/refresh", { body: { refresh } })
  }),
  "of a user who is disabled": Effect.fnUntraced(function* ({ access, id }) {
    yield* send("POST", "logout-all", { token: access })
    yield* (yield* TestApi).sql`update users set is_active = false where id = ${id}`
  }),
  "of a user who is erased": Effect.fnUntraced(function* ({ access, id }) {
    yield* send("POST", "logout-all", { token: access })
    yield* (yield* TestApi).sql`delete from users where id = ${id}`
  })
}

const send = (method: string, path: string, sent: RequestInput) =>
  Effect.flatMap(TestApi, (api) => api.send(method, `${users}/${path}/`, sent))

describe("tokens of a session", () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect.each(Object.entries(endings))("%s are refused", ([, end]) =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* assertGood({ ...person, refresh: (yield* api.login(person)).refresh })
        yield* end(person)
        const { access, refresh } = person
        const answers = [
          yield* send("GET", "profile", { token: access }),
          yield* send("GET", "push-tokens", { token: access }),
          yield* send("POST", "token/verify", { body: { token: access } }),
          yield* send("POST", "token/verify", { body: { token: refresh } }),
          yield* send("POST", "token/refresh", { body: { refresh } })
        ]
        for (const answer of answers) {
          assert.deepStrictEqual(problemsWith(answer), [])
          assert.strictEqual(answer.body.code, "token_invalid")
        }
      })
    )

    it.effect("are refused after the user is disabled, whether the session has ended or not", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { id, refresh } = yield* api.person()
        yield* api.sql`update users set is_active = false where id = ${id}`
        assert.deepStrictEqual(problemsWith(yield* send("POST", "token/refresh", { body: { refresh } })), [])
      })
    )
  })
})
