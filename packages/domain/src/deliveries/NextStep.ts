import { DateTime } from "effect"
import type { Category, Channel, Delivery } from "../Delivery.ts"
import type { PreferenceSource } from "../PreferenceHistory.ts"
import type { SwitchChange } from "./DeliveryExplanation.ts"
import type { Decision, Evidence, SuppressionDetails } from "./DeliveryRules.ts"

/** A decision to explain to a member of support staff. */
export interface DecidedCase {
  readonly decision: Decision
  readonly channel: Channel
  readonly category: Category
  readonly evidence: Evidence
  /** The change that switched it off, for the rules about switches. Null if it was off from the beginning. */
  readonly change: SwitchChange | null
}

const dayOf = (at: DateTime.Utc): string => DateTime.formatIso(at).slice(0, 10)

const timeOf = (at: DateTime.Utc): string => `${DateTime.formatIso(at).slice(0, 16).replace("T", " ")} UTC`

const nouns = { email: "e-mails", push: "push notifications" } as const

/** What staff can do about a decision, in a sentence or two. */
export const nextStep = (decided: DecidedCase): string => {
  const { category, change, channel, decision, evidence } = decided
  switch (decision.rule) {
    case null:
      return "No rule prevents the delivery. If the notification did not arrive, look it up by its id."
    case "user_unknown":
      return "No account has this id: it never existed, or it was erased. The sender must use the id of an existing account."
    case "user_inactive":
      return "The account is disabled. Once it is enabled, the sender can send the notification again."
    case "channel_disabled":
      return switchStep(`all ${nouns[channel]}`, change)
    case "category_disabled":
      return switchStep(`${category} ${nouns[channel]}`, change)
    case "suppressed":
      return suppressionStep(evidence.suppression)
    case "no_address":
      return "The user has no active push token. The user must open the app or website and allow notifications, which registers the device."
    case "do_not_disturb":
      return `The user has quiet hours${hoursOf(evidence)}. ${untilStep(decision.until)}`
    case "frequency_limit":
      return decision.until === null
        ? "The user has set the daily limit to 0, so only security notifications are delivered. The user can raise it, or a member of staff, if the user asks for it."
        : `The user has reached the daily limit${limitOf(evidence)}. ${untilStep(decision.until)} The user can raise the limit, or a member of staff, if the user asks for it.`
    case "user_mismatch":
      return "The notification's id belongs to a notification of another user. The sender must use an id of its own for each user."
  }
}

const switchedOff: Readonly<Record<PreferenceSource, (subject: string, day: string) => string>> = {
  user: (subject, day) => `The user switched off ${subject} on ${day}`,
  unsubscribe: (subject, day) => `The user unsubscribed from ${subject} by the link in an e-mail on ${day}`,
  admin: (subject, day) => `A member of staff switched off ${subject} on ${day}`,
  complaint: (subject, day) => `The user reported an e-mail as spam on ${day}, which switched off ${subject}`,
  import: (subject, day) => `The user had switched off ${subject} when the account was imported on ${day}`
}

const switchOnStep = "The user can switch them on, or a member of staff, if the user asks for it."

const switchStep = (subject: string, change: SwitchChange | null): string => {
  if (change === null) {
    return `${subject[0]?.toUpperCase()}${subject.slice(1)} have been switched off since the account was created. ${switchOnStep}`
  }
  const happened = switchedOff[change.source](subject, dayOf(change.at))
  return `${happened}${change.source === "admin" ? "; the audit log has the reason" : ""}. ${switchOnStep}`
}

const suppressionStep = (suppression: SuppressionDetails | null): string => {
  const step =
    "It must not be written to until the user changes or verifies it, or a member of staff lifts the suppression."
  if (suppression === null) return `The e-mail address is suppressed. ${step}`
  const happened =
    suppression.reason === "complaint"
      ? "The user reported an e-mail as spam"
      : "The mail server of the address refused an e-mail for good"
  return `${happened} on ${dayOf(suppression.since)}, so the address is suppressed. ${step}`
}

const hoursOf = ({ preferences, timezone }: Evidence): string => {
  const { doNotDisturbEnd: end = null, doNotDisturbStart: start = null } = preferences ?? {}
  if (start === null || end === null) return ""
  return ` from ${start.slice(0, 5)} to ${end.slice(0, 5)}${timezone === null ? " local time" : ` (${timezone})`}`
}

const limitOf = ({ frequencyLimit }: Evidence): string =>
  frequencyLimit === null ? "" : ` of ${frequencyLimit} ${frequencyLimit === 1 ? "notification" : "notifications"}`

const untilStep = (until: DateTime.Utc | null): string =>
  until === null ? "" : `The sender can resolve the notification again from ${timeOf(until)} on.`

/** What staff can do about a refused notification that would be allowed now. */
export const allowedNowStep = "If it were sent now, no rule would prevent it: the sender can resolve and send it again."

/** What staff can do about a delivery to a user who was erased since. */
export const erasedStep = "The user was erased since then, so only the status is kept."

/** What staff can do about a delivery that was allowed or has a status. */
export const deliveryStep = ({ error, errorCode, provider, status, updatedAt }: Delivery): string => {
  const by = provider === null ? "" : ` by ${provider}`
  const reason = errorCode ?? error
  const because = reason === null ? "" : `: ${reason}`
  const at = timeOf(updatedAt)
  switch (status) {
    case "pending":
      return "The sender was allowed to send it and has reported no status yet. Ask the sender whether it was sent."
    case "sent":
      return `It was sent${by}, as reported at ${at}, and nothing is known of its arrival. Ask the user to look in the spam folder, or at the settings of the device.`
    case "failed":
      return `Sending failed${because}, as reported at ${at}. Ask the sender to send it again.`
    case "delivered":
      return `It was delivered${by}, as reported at ${at}. Ask the user to look in the spam folder and on all devices.`
    case "opened":
      return `The user opened it, as reported at ${at}. There is nothing to do.`
    case "bounced":
      return `The address refused it${because}, as reported at ${at}. Ask the user whether the address is right.`
    case "complained":
      return `The user reported it as spam, as reported at ${at}. Do not send it again.`
  }
}
