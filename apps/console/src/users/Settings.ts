import { switchFields } from "@user-service/domain/Preferences"
import { onWire } from "@user-service/schema/WireNames"

const wireSwitches = onWire(switchFields)

/** The wire name of a switch of the preferences. */
type WireSwitch = keyof typeof wireSwitches

export const isSwitch = (name: string): name is WireSwitch => Object.hasOwn(wireSwitches, name)

/** The wire names of the settings, in the order of the preferences. */
export const settings = [
  ...Object.keys(wireSwitches).filter(isSwitch),
  "do_not_disturb_start",
  "do_not_disturb_end",
  "frequency_limit"
] as const

/** The wire name of a setting. */
export type Setting = (typeof settings)[number]

/** A time of day, without seconds if they are zero. */
export const timeText = (time: string): string => time.replace(/^(\d\d:\d\d):00$/, "$1")

const channels: Readonly<Record<string, string>> = { email: "E-mail", push: "Push" }

const others: Readonly<Record<string, string>> = {
  do_not_disturb_start: "Quiet hours from",
  do_not_disturb_end: "Quiet hours until",
  frequency_limit: "Daily limit"
}

/** The name of a setting for readers. */
export const settingLabel = (name: string): string => {
  const [channel = "", category = ""] = name.split("_")
  const text = channels[channel]
  if (text === undefined) return others[name] ?? name
  return category === "enabled" ? `${text}: all` : `${text}: ${category}`
}
