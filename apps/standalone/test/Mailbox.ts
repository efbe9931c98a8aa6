import { Effect, Layer } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { layerMailListener, listenForMails } from "./Listener.ts"
import type * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

/** A mail as the Email service receives it. */
export interface Mail {
  readonly type: string
  readonly body: Readonly<Record<string, unknown>>
}

/** All mails until now. */
export type Mailbox = Effect.Effect<ReadonlyArray<Mail>>

/** The folder in which a program on the embedded broker writes its mails. */
export const ofFolder = ({ cwd }: Program.Program): Mailbox =>
  Effect.sync(() => {
    const folder = join(cwd, ".data/mail")
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => {
        const { type, ...body } = JSON.parse(readFileSync(join(folder, name), "utf8"))
        return { type, body }
      })
  })

/** The mails with a token that arrive from now on in a queue of their own. */
export const ofQueue = Effect.fnUntraced(function* (rabbitmqUrl: string) {
  const listener = yield* Layer.build(
    layerMailListener(rabbitmqUrl, "email_verification", "password_reset", "email_change")
  )
  const received = yield* Effect.provide(listenForMails, listener)
  return Effect.sync(() => received.map(({ body, routingKey }) => ({ type: routingKey, body }))) satisfies Mailbox
})

/** Waits for a mail of this type to the address, and returns its token. */
export const tokenIn = Effect.fnUntraced(function* (mailbox: Mailbox, type: string, email: string) {
  const found = Effect.map(mailbox, (mails) => mails.find((mail) => mail.type === type && mail.body["email"] === email))
  yield* waitUntil(
    `A mail ${type} arrives`,
    Effect.map(found, (mail) => mail !== undefined)
  )
  return String((yield* found)?.body["token"])
})
