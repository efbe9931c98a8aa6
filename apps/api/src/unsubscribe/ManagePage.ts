import type { LinkedUser } from "@user-service/core/unsubscribe/Unsubscriptions"
import { categorySwitches, channelSwitches } from "@user-service/domain/deliveries/DeliveryRules"
import { Category, Channel } from "@user-service/domain/Delivery"
import type { Problems } from "@user-service/schema/Envelope"
import { Predicate, String } from "effect"
import { escape } from "../docs/Html.ts"
import type { FormFields } from "./FormFields.ts"
import type { HtmlPage } from "./Layout.ts"
import type { Texts } from "./Texts.ts"

/** The outcome of the form that the page shows again. */
export type ManageOutcome =
  | { readonly kind: "none" | "saved" | "changed" | "protected" }
  /** The fields as they were sent, and the problems by field. */
  | { readonly kind: "invalid"; readonly fields: FormFields; readonly problems: Problems }

/** Hides most of an address, so that its owner recognises it and nobody else learns it: `a•••@e•••.com`. */
export const maskEmail = (email: string): string => {
  const at = email.lastIndexOf("@")
  const domain = email.slice(at + 1)
  const [first = ""] = email
  const [letter = ""] = domain
  return `${first}•••@${letter}•••${domain.slice(domain.lastIndexOf("."))}`
}

const statuses = { none: 200, saved: 200, changed: 409, invalid: 422, protected: 422 } as const

/** The form with all preferences of a user. The switches that security notifications obey are shown and cannot be changed. */
export const managePage = (texts: Texts, user: LinkedUser, outcome: ManageOutcome): HtmlPage => ({
  status: statuses[outcome.kind],
  title: texts.manage.heading,
  isWide: true,
  body: `<h1>${escape(texts.manage.heading)}</h1>
<p>${escape(texts.manage.account(maskEmail(user.email)))}</p>
${statusHtml(texts, outcome)}
<form method="post">
<input type="hidden" name="action" value="save">
<input type="hidden" name="version" value="${user.preferences.version}">
${Channel.literals.map((channel) => channelHtml(texts, channel, user, outcome)).join("\n")}
${quietHoursHtml(texts, user, outcome)}
<button type="submit">${escape(texts.manage.save)}</button>
</form>`
})

// The focus goes to what a user has to read or to correct first, so that a screen reader says it.
const statusHtml = ({ manage }: Texts, { kind }: ManageOutcome): string => {
  switch (kind) {
    case "none":
      return ""
    case "saved":
      return `<p class="status good" role="status" tabindex="-1" autofocus>${escape(manage.saved)}</p>`
    case "changed":
      return `<p class="status bad" role="alert" tabindex="-1" autofocus>${escape(manage.changedMeanwhile)}</p>`
    case "invalid":
    case "protected":
      return `<p class="status bad" role="alert">${escape(manage[kind])}</p>`
  }
}

type Switch = keyof LinkedUser["preferences"] & `${Channel}${string}`

const isChecked = (name: Switch, { preferences }: LinkedUser, outcome: ManageOutcome): boolean =>
  outcome.kind === "invalid" ? outcome.fields.has(String.camelToSnake(name)) : preferences[name] === true

const channelHtml = ({ manage }: Texts, channel: Channel, user: LinkedUser, outcome: ManageOutcome): string => {
  const row = (name: Switch, label: string, hint = "") =>
    `<label class="row"><span>${escape(label)}${small(hint)}</span><input type="checkbox" name="${String.camelToSnake(name)}"${
      isChecked(name, user, outcome) ? " checked" : ""
    }></label>`
  const fixedRow = (name: Switch, label: string, hint: string) =>
    `<label class="row fixed"><span>${escape(label)}${small(`${hint} ${manage.readOnly}`.trim())}</span><input type="checkbox" disabled${
      user.preferences[name] === true ? " checked" : ""
    }></label>`
  const categories = Category.literals.map((category) => {
    const { hint, name } = manage.categories[category]
    const field = categorySwitches[channel][category]
    return category === "security" ? fixedRow(field, name, `${hint}.`) : row(field, name, hint)
  })
  const { enabled, name, off } = manage.channels[channel]
  return `<fieldset>
<legend>${escape(name)}</legend>
${fixedRow(channelSwitches[channel], enabled, user.preferences[channelSwitches[channel]] ? "" : off)}
${categories.join("\n")}
</fieldset>`
}

const small = (text: string): string => (text === "" ? "" : `<small>${escape(text)}</small>`)

const quietHoursHtml = ({ manage }: Texts, user: LinkedUser, outcome: ManageOutcome): string => {
  const field = (name: "do_not_disturb_start" | "do_not_disturb_end", label: string, stored: string | null) => {
    const text = outcome.kind === "invalid" ? (outcome.fields.get(name) ?? "") : (stored ?? "").replace(/:00$/, "")
    const problem = outcome.kind === "invalid" ? problemOf(outcome.problems, name) : undefined
    const invalid =
      problem === undefined ? "" : ` autofocus aria-invalid="true" aria-describedby="${name}-error quiet-hint"`
    return `<div>
<label for="${name}">${escape(label)}</label>
<input type="time" id="${name}" name="${name}" value="${escape(text)}"${
      /:\d\d:/.test(text) ? ` step="1"` : ""
    }${invalid || ` aria-describedby="quiet-hint"`}>
${problem === undefined ? "" : `<p class="error" id="${name}-error">${escape(problem)}</p>`}
</div>`
  }
  const { doNotDisturbEnd, doNotDisturbStart } = user.preferences
  return `<fieldset>
<legend>${escape(manage.quietHours)}</legend>
<p id="quiet-hint"><small>${escape(manage.quietHint(user.timezone))}</small></p>
<div class="times">
${field("do_not_disturb_start", manage.start, doNotDisturbStart)}
${field("do_not_disturb_end", manage.end, doNotDisturbEnd)}
</div>
</fieldset>`
}

const problemOf = (problems: Problems, name: string): string | undefined => {
  const found = problems[name]
  return Array.isArray(found) && Predicate.isString(found[0]) ? found[0] : undefined
}
