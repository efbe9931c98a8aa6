import { Effect } from "effect"
import { freshEmail, type Person, TestApi } from "../TestApi.ts"
import { gatewayKey } from "../service-side/Callers.ts"
import { linksTo } from "../unsubscribe/Links.ts"
import { createHash, randomBytes } from "node:crypto"
import type { Case } from "./Case.ts"
import type { Request, TimedAnswer } from "./Client.ts"
import type { Operation } from "./OpenApi.ts"

/** Makes what a route with an id is about, and answers the id. */
const makers: Readonly<Record<string, (person: Person) => Effect.Effect<string, never, TestApi>>> = {
  "/api/v1/users/sessions/{id}/": (person) =>
    Effect.gen(function* () {
      const api = yield* TestApi
      const { body } = yield* api.send("GET", "/api/v1/users/sessions/", { token: (yield* api.login(person)).access })
      return body.data[0].id
    }),
  "/api/v1/users/push-tokens/{id}/": (person) =>
    Effect.gen(function* () {
      const api = yield* TestApi
      const { body } = yield* api.send("POST", "/api/v1/users/push-tokens/", {
        token: person.access,
        body: { token: `token-of-${person.id}`, platform: "web", device_id: person.id }
      })
      return body.data.id
    }),
  "/u/{token}": (person) => Effect.map(linksTo(person), ({ url }) => url.slice(url.lastIndexOf("/") + 1))
}

/** The purposes of the one-time tokens that operations take. */
const purposes: Readonly<Record<string, string>> = {
  confirmPasswordReset: "password_reset",
  confirmEmailVerification: "email_verification",
  confirmEmailChange: "email_change"
}

/** Makes a one-time token of the person that fits the operation, in place of an older one. Empty where none fits. */
const oneTimeTokenFor = Effect.fnUntraced(function* ({ id }: Operation, { email, id: userId }: Person) {
  const purpose = purposes[id]
  if (purpose === undefined) return ""
  const { sql } = yield* TestApi
  const token = randomBytes(32).toString("base64url")
  yield* Effect.orDie(sql`
    insert into one_time_tokens (user_id, purpose, token_sha256, email, created_at, expires_at)
    values (${userId}, ${purpose}, ${createHash("sha256").update(token).digest()},
      ${purpose === "email_change" ? freshEmail() : email}, now(), now() + interval '1 hour')
    on conflict (user_id, purpose) do update
    set token_sha256 = excluded.token_sha256, email = excluded.email, expires_at = excluded.expires_at`)
  return token
})

/** The id of something of the person's that the path is about; none where it is about nothing of the kind. */
export const idFor = (path: string, person: Person): Effect.Effect<string, never, TestApi> => {
  if (!path.includes("{")) return Effect.succeed("")
  if (path.startsWith("/internal/v1/users/{id}")) return Effect.succeed(person.id)
  return makers[path]?.(person) ?? Effect.die(`Say in World.ts how to make what ${path} is about`)
}

/** Someone who sends requests: their tokens are good, and what the requests are about is there. */
export const make = (send: (request: Request) => Effect.Effect<TimedAnswer>) =>
  Effect.gen(function* () {
    const api = yield* TestApi
    let person: Person | undefined
    const ids = new Map<string, string>()

    const idOf = Effect.fnUntraced(function* (path: string, owner: Person) {
      const known = ids.get(path)
      if (known !== undefined) return known
      const id = yield* idFor(path, owner)
      ids.set(path, id)
      return id
    })

    const filled = Effect.fnUntraced(function* ({ body, headers, operation, path }: Case) {
      person ??= yield* api.person()
      const id = yield* idOf(operation.path, person)
      const values: Readonly<Record<string, string>> = {
        ...person,
        oneTimeToken: yield* oneTimeTokenFor(operation, person),
        id,
        ID: id.toUpperCase(),
        fresh: freshEmail(),
        key: gatewayKey
      }
      const fill = (text: string) => text.replaceAll(/\{\{(\w+)\}\}/g, (braces, name) => values[name] ?? braces)
      return {
        method: operation.method,
        path: fill(path),
        headers: Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, fill(value)])),
        ...(body === undefined ? {} : { body: typeof body === "string" ? fill(body) : body })
      }
    })

    // What a success leaves behind that later requests go by.
    const learn = ({ operation }: Case, answer: TimedAnswer) => {
      if (answer.status >= 300 || person === undefined) return
      if (operation.id === "refreshTokens") person = { ...person, refresh: answer.body.refresh }
      if (operation.method === "DELETE") ids.delete(operation.path)
    }

    const attempt = Effect.fnUntraced(function* (one: Case) {
      const answer = yield* Effect.flatMap(filled(one), send)
      learn(one, answer)
      return answer
    })

    return Effect.fnUntraced(function* (one: Case) {
      const answer = yield* attempt(one)
      if (!isOver(one, answer)) return answer
      person = undefined
      ids.clear()
      return yield* attempt(one)
    })
  })

/** Whether the request was refused only for what an earlier one has done to whoever sends it. */
const isOver = ({ expected, headers }: Case, { body }: TimedAnswer): boolean =>
  ["token_invalid", "invalid_credentials"].includes(body?.code) &&
  expected !== 401 &&
  (headers["authorization"] === "Bearer {{access}}" || expected === "success")
