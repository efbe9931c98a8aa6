import type { Category, Channel, DeliveryRule } from "@user-service/domain/Delivery"
import { isSwitch, settingLabel } from "../users/Settings.ts"

/** What each rule requires. */
export const requirements: Readonly<Record<DeliveryRule, string>> = {
  user_unknown: "The user exists",
  user_inactive: "The account is not disabled",
  channel_disabled: "The user has the channel switched on",
  category_disabled: "The user has the category switched on",
  suppressed: "The e-mail address is not suppressed",
  no_address: "The user has a device to push to",
  do_not_disturb: "It is not within the quiet hours",
  frequency_limit: "The daily limit is not reached",
  user_mismatch: "The notification's id is not of another user"
}

const values: Readonly<Record<string, string>> = {
  user_exists: "User exists",
  is_active: "Account active",
  email_suppressed: "Address suppressed",
  suppression_reason: "Reason",
  suppressed_since: "Since",
  push_tokens: "Active devices",
  do_not_disturb_start: "Quiet hours from",
  do_not_disturb_end: "Quiet hours until",
  local_time: "User's local time",
  timezone: "Time zone",
  frequency_limit: "Daily limit",
  notifications_charged: "Sent that day",
  local_day: "User's local day",
  notification_of_another_user: "Of another user"
}

/** The name of a value that a rule depends on. */
export const valueLabel = (name: string): string => {
  if (isSwitch(name)) return settingLabel(name)
  const text = values[name] ?? name.replaceAll("_", " ")
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`
}

const nouns = { email: "e-mail", push: "push notification" } as const

/** The notification in words, such as "marketing e-mail". */
export const notificationText = ({ category, channel }: { readonly channel: Channel; readonly category: Category }) =>
  `${category} ${nouns[channel]}`
