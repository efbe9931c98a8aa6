import { Redis } from "ioredis"
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import process from "node:process"
import { Pool } from "pg"

// The floor: a minimal server for the routes below on the same engines, as a lower bound of their cost. It verifies a token by
// one synchronous HMAC, answers a profile by one Redis GET of the rendered response, and writes in one transaction of three
// prepared statements. It has no revocation, limits, logs or metrics, and hardly any validation.

const env = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

const secret = env("FLOOR_SECRET")
const redis = new Redis(env("REDIS_URL"), { enableAutoPipelining: true })
const pool = new Pool({ connectionString: env("DATABASE_URL"), max: 10 })

/** The user of the request's token; undefined if the token is invalid. */
const authenticate = (request: IncomingMessage): string | undefined => {
  const [header = "", payload = "", signature = ""] = (request.headers.authorization ?? "").slice(7).split(".")
  const expected = createHmac("sha256", secret).update(`${header}.${payload}`).digest()
  const given = Buffer.from(signature, "base64url")
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  const claims: { readonly sub: string; readonly exp: number } = JSON.parse(
    Buffer.from(payload, "base64url").toString()
  )
  return claims.exp > Date.now() / 1000 ? claims.sub : undefined
}

const answer = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
  response.end(text)
}

const bodyOf = async (request: IncomingMessage): Promise<Record<string, string>> => {
  let text = ""
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

interface Statement {
  readonly name: string
  readonly text: string
  readonly values: ReadonlyArray<unknown>
}

/** Executes the write, the insert of its audit row and the insert of its event in one transaction. */
const transaction = async (userId: string, action: string, write: Statement): Promise<object> => {
  const client = await pool.connect()
  try {
    await client.query("begin")
    const { rows } = await client.query({ ...write, values: [...write.values] })
    const now = new Date()
    await client.query({
      name: "audit",
      text: "insert into audit_log (id, user_id, actor_id, action, created_at) values ($1, $2, $2, $3, $4)",
      values: [randomUUID(), userId, action, now]
    })
    await client.query({
      name: "outbox",
      text: `insert into outbox (id, user_id, user_version, event_type, payload, created_at) values ($1, $2, 1, $3, $4, $5)`,
      values: [randomUUID(), userId, action, JSON.stringify(rows[0]), now]
    })
    await client.query("commit")
    return rows[0]
  } catch (cause) {
    await client.query("rollback")
    throw cause
  } finally {
    client.release()
  }
}

const preferences = (userId: string, body: Record<string, string>) =>
  transaction(userId, "preferences.updated", {
    name: "preferences",
    text: `update notification_preferences set frequency_limit = $2, version = version + 1, updated_at = now()
      where user_id = $1 returning *`,
    values: [userId, body["frequency_limit"]]
  })

const pushToken = (userId: string, body: Record<string, string>) =>
  transaction(userId, "push_token.registered", {
    name: "push-token",
    text: `insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
      values ($1, $2, $3::text, sha256(convert_to($3::text, 'UTF8')), $4, 'fcm', now(), now(), now())
      on conflict (token_sha256) do update set user_id = excluded.user_id, is_active = true, last_used_at = now()
      returning id, platform, token_type, device_id, device_name, is_active, last_used_at, created_at, updated_at`,
    values: [randomUUID(), userId, body["token"], body["platform"]]
  })

const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  if (request.url === "/ready") return answer(response, 200, "{}")
  const userId = authenticate(request)
  if (userId === undefined) return answer(response, 401, "{}")
  switch (`${request.method} ${request.url}`) {
    case "GET /api/v1/users/profile/": {
      const text = await redis.get(`floor:${userId}`)
      return text === null ? answer(response, 404, "{}") : answer(response, 200, text)
    }
    case "PUT /api/v1/users/preferences/":
      return answer(response, 200, JSON.stringify(await preferences(userId, await bodyOf(request))))
    case "POST /api/v1/users/push-tokens/":
      return answer(response, 201, JSON.stringify(await pushToken(userId, await bodyOf(request))))
    default:
      return answer(response, 404, "{}")
  }
}

const server = createServer((request, response) => {
  route(request, response).catch((cause: unknown) => {
    process.stderr.write(`${String(cause)}\n`)
    answer(response, 500, "{}")
  })
})
server.listen(Number(env("PORT")), "127.0.0.1")
process.once("SIGTERM", () => process.exit(0))
