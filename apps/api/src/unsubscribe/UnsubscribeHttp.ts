import { Limits } from "@user-service/core/limits/Limits"
import { CurrentOrigin } from "@user-service/core/Origin"
import { type LinkedUser, Unsubscriptions } from "@user-service/core/unsubscribe/Unsubscriptions"
import { type RateLimited, rateLimitedHeaders } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { type ManageLink, type UnsubscribeLink, UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { Data, DateTime, Effect, Layer, Option, Record, Struct } from "effect"
import { HttpRouter, type HttpServerError, type HttpServerResponse } from "effect/http"
import { unsubscribePath } from "../endpoints/Routes.ts"
import { confirmPage, notUndonePage, offPage, onPage } from "./CategoryPages.ts"
import { formFields, type FormFields, type FormUnreadable } from "./FormFields.ts"
import { type HtmlPage, noticePage, respondPage } from "./Layout.ts"
import { type ManageOutcome, managePage } from "./ManagePage.ts"
import { preferencesPatch } from "./PreferencesForm.ts"
import { type Notice, type Texts, textsIn } from "./Texts.ts"

/** The link was not made by this service, or is not complete. */
class LinkInvalid extends Data.TaggedError("LinkInvalid") {}

const textsOf = (user: Option.Option<Pick<LinkedUser, "language">>): Texts =>
  textsIn(Option.getOrUndefined(Option.map(user, ({ language }) => language)))

// The choice in a form: the page's own, or the one that a mail provider sends (RFC 8058, section 3.1).
const choiceIn = (fields: FormFields): "unsubscribe" | "undo" | undefined => {
  const action = fields.get("action")
  if (action === "undo") return action
  const isOneClick = fields.get("List-Unsubscribe")?.toLowerCase() === "one-click"
  return action === "unsubscribe" || isOneClick ? "unsubscribe" : undefined
}

const make = Effect.gen(function* () {
  const tokens = yield* UnsubscribeTokens
  const limits = yield* Limits
  const unsubscriptions = yield* Unsubscriptions

  const linkOf = Effect.gen(function* () {
    const { token = "" } = yield* HttpRouter.params
    const link = tokens.verify(token)
    if (Option.isSome(link)) return link.value
    // Only links that are not valid count by address: mail providers unsubscribe all their users from a few addresses.
    const { network } = yield* CurrentOrigin
    return yield* limits.guard([{ limit: "unsubscribe", key: network }])(Effect.fail(new LinkInvalid()))
  })

  const guardChange = (userId: UserId) => limits.guard([{ limit: "unsubscribe", key: userId }])

  const show = (page: Effect.Effect<readonly [Texts, HtmlPage], ServiceUnavailable>) =>
    Effect.map(page, ([texts, page]) => respondPage(texts, page))

  const categoryPage = Effect.fnUntraced(function* (link: UnsubscribeLink) {
    const found = yield* unsubscriptions.findSwitch(link)
    const texts = textsOf(found)
    const isOff = Option.isSome(found) && !found.value.isOn
    return [texts, isOff ? offPage(texts, link, found.value.isUndoable) : confirmPage(texts, link)] as const
  })

  const changeCategory = Effect.fnUntraced(function* (link: UnsubscribeLink, fields: FormFields) {
    const choice = choiceIn(fields)
    if (choice === undefined) return respondPage(textsIn(), noticePage(textsIn().noChoice, 422))
    const { switchOff, undo } = unsubscriptions
    const found = yield* guardChange(link.userId)(choice === "undo" ? undo(link) : switchOff(link))
    const texts = textsOf(found)
    if (choice === "unsubscribe") {
      // The page of an erased user is the same as that of another one after a change.
      return respondPage(texts, offPage(texts, link, Option.isNone(found) || found.value.isUndoable))
    }
    const isOn = Option.isSome(found) && found.value.isOn
    return respondPage(texts, isOn ? onPage(texts, link) : notUndonePage(texts, link))
  })

  // None for a link that has expired, of an erased user, or for an address that the user does not have any more.
  const managedUser = Effect.fnUntraced(function* (link: ManageLink) {
    if (DateTime.isGreaterThanOrEqualTo(yield* DateTime.now, link.expiresAt)) return Option.none()
    return Option.filter(yield* unsubscriptions.find(link.userId), ({ email }) => link.isFor(email))
  })

  const showManaged = (user: Option.Option<LinkedUser>, outcome: ManageOutcome): readonly [Texts, HtmlPage] => {
    const texts = textsOf(user)
    return [texts, Option.isSome(user) ? managePage(texts, user.value, outcome) : noticePage(texts.expired, 200)]
  }

  const savePreferences = Effect.fnUntraced(function* (link: ManageLink, fields: FormFields) {
    const user = yield* managedUser(link)
    if (Option.isNone(user)) return showManaged(user, { kind: "none" })
    if (fields.get("action") !== "save") return [textsOf(user), noticePage(textsOf(user).noChoice, 422)] as const
    const linked = user.value
    const { preferences } = linked
    // Before the problems: the form that shows them has the current version, so it would save what an old form said.
    if (fields.get("version") !== `${preferences.version}`) return showManaged(user, { kind: "changed" })
    const form = yield* preferencesPatch(fields, preferences)
    if ("problems" in form) return showManaged(user, { kind: "invalid", fields, problems: form.problems })
    if (Struct.keys(form.patch).length === 0) return showManaged(user, { kind: "saved" })
    return yield* guardChange(link.userId)(unsubscriptions.save(link.userId, form.patch, preferences.version)).pipe(
      // Without another read: if it failed, the page would deny a change that was made.
      Effect.map((saved) => showManaged(Option.some({ ...linked, preferences: saved }), { kind: "saved" })),
      Effect.catchTags({
        PreferencesVersionMismatch: () =>
          Effect.map(managedUser(link), (current) => showManaged(current, { kind: "changed" })),
        SwitchesProtected: () => Effect.succeed(showManaged(user, { kind: "protected" })),
        // Erased just now: the page without state.
        UserNotFound: () => Effect.succeed(showManaged(Option.none(), { kind: "none" })),
        // Checked together with the form, on the same version.
        PreferencesContradictory: Effect.die
      })
    )
  })

  const get = Effect.flatMap(linkOf, (link) =>
    show(
      link.kind === "unsubscribe"
        ? categoryPage(link)
        : Effect.map(managedUser(link), (user) => showManaged(user, { kind: "none" }))
    )
  )

  const post = Effect.gen(function* () {
    const link = yield* linkOf
    const fields = yield* formFields
    if (link.kind === "unsubscribe") return yield* changeCategory(link, fields)
    const [texts, page] = yield* savePreferences(link, fields)
    return respondPage(texts, page)
  })

  return { get: withFailures(get), post: withFailures(post) }
})

type Refusal = LinkInvalid | FormUnreadable | RateLimited | ServiceUnavailable

const withFailures = <R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, Refusal | HttpServerError.HttpServerError, R>
) => {
  const texts = textsIn()
  const respond = (notice: Notice, status: number, headers?: Readonly<Record<string, string>>) =>
    Effect.succeed(respondPage(texts, noticePage(notice, status, headers)))
  return Effect.catchTags(answer, {
    LinkInvalid: () => respond(texts.notFound, 404),
    FormUnreadable: ({ status }) => respond(texts.failures[status], status),
    RateLimited: (error) =>
      respond(
        texts.tooMany(error.retryAfterSeconds),
        429,
        Record.map(rateLimitedHeaders, (header) => header(error))
      ),
    ServiceUnavailable: ({ retryAfterSeconds }) =>
      respond(texts.unavailable, 503, { "retry-after": `${retryAfterSeconds}` })
  })
}

/**
 * The pages behind the links in mails (RFC 8058): outside the envelope, without a session and without cookies. A GET never changes
 * anything, because mail scanners follow links.
 */
export const UnsubscribeHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { get, post } = yield* make
    yield* router.add("GET", unsubscribePath, get)
    yield* router.add("POST", unsubscribePath, post)
  })
).pipe(Layer.provide([Limits.layer, Unsubscriptions.layer]))
