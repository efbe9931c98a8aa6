import type { Role } from "@user-service/domain/Role"
import { Effect } from "effect"
import { type Answer, type RequestInput, TestApi } from "../TestApi.ts"

/** The path of the sessions of the console. */
export const sessionPath = "/api/v1/admin/session/"

/** Registers a member of staff, with the tokens of an ordinary session. */
export const staff = Effect.fnUntraced(function* (role: Role) {
  const { person, sql } = yield* TestApi
  const member = yield* person()
  yield* Effect.orDie(sql`update users set role = ${role} where id = ${member.id}`)
  return member
})

/** The value of the console's cookie in an answer, or undefined. */
export const cookieOf = ({ headers }: Answer): string | undefined =>
  headers
    .getSetCookie()
    .map((cookie) => /^__Host-console=([^;]*)/.exec(cookie)?.[1])
    .find((value) => value !== undefined)

/** Signs in to the console and returns a `send` with its cookie and header. */
export const signIn = Effect.fnUntraced(function* ({
  email,
  password
}: {
  readonly email: string
  readonly password: string
}) {
  const { send } = yield* TestApi
  const answer = yield* send("POST", sessionPath, { body: { email, password } })
  const cookie = cookieOf(answer)
  if (answer.status !== 200 || cookie === undefined) return yield* Effect.die(`Signing in answered ${answer.text}`)
  return (method: string, path: string, sent: RequestInput = {}) =>
    send(method, path, { ...sent, headers: { cookie: `__Host-console=${cookie}`, "x-console": "1", ...sent.headers } })
})
