import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Person, TestApi } from "../TestApi.ts"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"

const publicUrl = "https://users.example.com"

/** An environment in which deliveries can be resolved, and links begin with a known URL. */
export const withLinks = { ...withGateway, PUBLIC_URL: `${publicUrl}/` }

interface Links {
  readonly url: string
  readonly manage_url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Resolves one delivery. */
export const resolve = Effect.fnUntraced(function* (delivery: object) {
  const api = yield* TestApi
  const { body } = yield* api.send("POST", "/internal/v1/deliveries/resolve", {
    headers: { "x-api-key": gatewayKey },
    body: { deliveries: [delivery] }
  })
  return body.data[0]
})

/** The links of an e-mail of this category to the person. */
export const linksTo = (person: Pick<Person, "id">, category = "marketing"): Effect.Effect<Links, never, TestApi> =>
  Effect.map(
    resolve({ user_id: person.id, channel: "email", category, unsubscribe: true }),
    ({ unsubscribe }) => unsubscribe
  )

/** The path of a link. */
export const pathOf = (url: string): string => {
  assert.isTrue(url.startsWith(`${publicUrl}/u/`), url)
  return url.slice(publicUrl.length)
}

export const form = { "content-type": "application/x-www-form-urlencoded" }

/** The request of a mail provider (RFC 8058, section 3.1). */
export const oneClick = { headers: form, body: "List-Unsubscribe=One-Click" }
