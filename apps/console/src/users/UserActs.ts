import { hasRole, type Role } from "@user-service/domain/Role"
import type { StaffSessionBody } from "@user-service/schema/http/admin/StaffSessionApi"
import { ReasonInput, StaffEmailInput } from "@user-service/schema/http/admin/StaffActsApi"
import { StaffEraseInput, StaffPreferencesInput, StaffUserInput } from "@user-service/schema/http/admin/StaffUsersApi"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { roleAct } from "./RoleAct.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"
import type { ActField, ActValues } from "../ui/ReasonForm.tsx"
import { isSwitch, settingLabel, timeText } from "./Settings.ts"
import type { UserView } from "./UserQuery.ts"

type StaffSession = typeof StaffSessionBody.Type

/** What the act is on, and what the member of staff has entered. */
interface ActInput extends ActValues {
  readonly record: UserView
  /** The id of a session or a push token, or the name of a setting. */
  readonly target: string
}

/** An act of staff on a user. */
export interface UserAct {
  readonly label: string
  readonly role: Role
  readonly isDestructive?: boolean
  /** Nobody does it to their own account. */
  readonly isForOthers?: boolean
  /** Whether it makes sense for the user as they are. */
  readonly isOffered: (record: UserView, target: string) => boolean
  /** What it will do, in a sentence. */
  readonly effect: (record: UserView, target: string) => string
  readonly fields?: (record: UserView) => ReadonlyArray<ActField>
  /** Does it, and says what has happened. */
  readonly perform: (input: ActInput) => Promise<string>
}

const byReason =
  <E>(
    call: (request: {
      readonly params: { readonly id: string }
      readonly payload: typeof ReasonInput.Type
      readonly target: string
    }) => Effect.Effect<unknown, E>,
    result: string
  ) =>
  async ({ reason, record, target }: ActInput) => {
    await run(
      Effect.flatMap(decodeInput(ReasonInput)({ reason }), (payload) =>
        call({ params: { id: record.user.id }, payload, target })
      )
    )
    return result
  }

const acts = api["admin-acts"]

const changePreferences = ({ user }: UserView, input: (typeof StaffPreferencesInput)["Encoded"]) =>
  run(
    Effect.flatMap(decodeInput(StaffPreferencesInput)(input), (payload) =>
      api["admin-users"].updatePreferences({ params: { id: user.id }, payload })
    )
  )

/** The acts on a user, by the names that links to them have. */
const userActs = {
  edit: {
    label: "Edit name and phone",
    role: "support",
    isOffered: () => true,
    effect: () => "Changes these fields at once. The user is not notified.",
    fields: ({ user }) => [
      { name: "first_name", label: "First name", type: "text", value: user.profile.first_name },
      { name: "last_name", label: "Last name", type: "text", value: user.profile.last_name },
      {
        name: "phone_number",
        label: "Phone number",
        type: "tel",
        value: user.phone_number ?? "",
        hint: "Empty for none."
      }
    ],
    perform: async ({ reason, record, values }) => {
      const { first_name = "", last_name = "", phone_number = "" } = values
      const input = { reason, first_name, last_name, phone_number: phone_number === "" ? null : phone_number }
      await run(
        Effect.flatMap(decodeInput(StaffUserInput)(input), (payload) =>
          api["admin-users"].update({ params: { id: record.user.id }, payload })
        )
      )
      return "The name and the phone number are saved."
    }
  },
  "change-email": {
    label: "Change e-mail address",
    role: "support",
    isOffered: ({ user }) => user.is_active,
    effect: ({ user }) =>
      `Sends a link to the new address. The address changes when the user opens it; then all sessions end. ${user.email} gets a notice.`,
    fields: () => [{ name: "new_email", label: "New e-mail address", type: "email", value: "", isRequired: true }],
    perform: async ({ reason, record, values }) => {
      await run(
        Effect.flatMap(decodeInput(StaffEmailInput)({ reason, new_email: values["new_email"] ?? "" }), (payload) =>
          acts.changeEmail({ params: { id: record.user.id }, payload })
        )
      )
      return "The new address has to confirm the change."
    }
  },
  "verify-email": {
    label: "Send verification",
    role: "support",
    isOffered: ({ suppressions, user }) => user.is_active && (!user.is_verified || suppressions.length > 0),
    effect: ({ user }) => `Sends a link that verifies the address to ${user.email}.`,
    perform: byReason((request) => acts.verifyEmail(request), "The mail with the link is on its way.")
  },
  "password-reset": {
    label: "Send password reset",
    role: "support",
    isOffered: ({ user }) => user.is_active,
    effect: ({ user }) => `Sends a link to set a new password to ${user.email}. The current password stays until then.`,
    perform: byReason((request) => acts.resetPassword(request), "The mail with the link is on its way.")
  },
  "end-sessions": {
    label: "End all sessions",
    role: "support",
    isDestructive: true,
    isOffered: ({ sessions }) => sessions.length > 0,
    effect: ({ sessions }) =>
      `Ends ${sessions.length === 1 ? "the session" : `all ${sessions.length} sessions`} of this user at once. They have to log in again on each device.`,
    perform: byReason((request) => acts.endSessions(request), "All sessions have ended.")
  },
  "end-session": {
    label: "End session",
    role: "support",
    isDestructive: true,
    isOffered: ({ sessions }, target) => sessions.some(({ id }) => id === target),
    effect: ({ sessions }, target) =>
      `Ends the session "${sessions.find(({ id }) => id === target)?.device_name ?? ""}" at once, and deactivates its push tokens.`,
    perform: byReason(
      ({ params: { id }, payload, target }) => acts.endSession({ params: { id, session: target }, payload }),
      "The session has ended."
    )
  },
  "remove-push-token": {
    label: "Delete device",
    role: "support",
    isDestructive: true,
    isOffered: ({ push_tokens }, target) => push_tokens.some(({ id }) => id === target),
    effect: ({ push_tokens }, target) =>
      `Deletes the push token of "${push_tokens.find(({ id }) => id === target)?.device_name ?? ""}". The device gets no notifications until its app registers again.`,
    perform: byReason(
      ({ params: { id }, payload, target }) => acts.removePushToken({ params: { id, token: target }, payload }),
      "The device is deleted."
    )
  },
  "change-setting": {
    label: "Change setting",
    role: "support",
    isOffered: (_record, target) => isSwitch(target),
    effect: ({ user }, target) =>
      isSwitch(target)
        ? `Turns "${settingLabel(target)}" ${user.notification_preferences[target] ? "off" : "on"}. The user sees in their history that staff did it.`
        : "",
    perform: async ({ reason, record, target }) => {
      if (!isSwitch(target)) throw new Error(`${target} is no switch`)
      const isOn = !record.user.notification_preferences[target]
      await changePreferences(record, { reason, [target]: isOn })
      return `"${settingLabel(target)}" is ${isOn ? "on" : "off"}.`
    }
  },
  "change-quiet-hours": {
    label: "Change quiet hours",
    role: "support",
    isOffered: () => true,
    effect: ({ user }) =>
      `Within the quiet hours, all notifications but security ones wait until the end. The user's clock counts: ${user.profile.timezone}. They see in their history that staff did it.`,
    fields: ({ user: { notification_preferences } }) => [
      {
        name: "do_not_disturb_start",
        label: "From",
        type: "time",
        value: timeText(notification_preferences.do_not_disturb_start ?? "")
      },
      {
        name: "do_not_disturb_end",
        label: "Until",
        type: "time",
        value: timeText(notification_preferences.do_not_disturb_end ?? ""),
        hint: "On the next day, if it is before the start. Both empty for no quiet hours."
      }
    ],
    perform: async ({ reason, record, values }) => {
      const { do_not_disturb_end = "", do_not_disturb_start = "" } = values
      const input = {
        reason,
        do_not_disturb_start: do_not_disturb_start === "" ? null : do_not_disturb_start,
        do_not_disturb_end: do_not_disturb_end === "" ? null : do_not_disturb_end
      }
      await changePreferences(record, input)
      return input.do_not_disturb_start === null
        ? "The user has no quiet hours."
        : `The quiet hours are from ${do_not_disturb_start} to ${do_not_disturb_end} (${record.user.profile.timezone}).`
    }
  },
  "change-limit": {
    label: "Change daily limit",
    role: "support",
    isOffered: () => true,
    effect: () =>
      "When the user got so many notifications on a day, over both channels, all others but security ones wait until the next day. The user sees in their history that staff did it.",
    fields: ({ user }) => [
      {
        name: "frequency_limit",
        label: "Notifications a day",
        type: "number",
        value: String(user.notification_preferences.frequency_limit),
        hint: "0 to 10000. With 0, the user gets only security notifications.",
        isRequired: true
      }
    ],
    perform: async ({ reason, record, values }) => {
      const { frequency_limit = "" } = values
      // An empty field is no number, and not 0.
      await changePreferences(record, { reason, frequency_limit: Number(frequency_limit || Number.NaN) })
      return `The daily limit is ${frequency_limit}.`
    }
  },
  "lift-suppressions": {
    label: "Lift suppressions",
    role: "support",
    isOffered: ({ suppressions }) => suppressions.length > 0,
    effect: ({ user }) => `${user.email} gets e-mails again, until the next hard bounce or complaint.`,
    perform: byReason((request) => acts.liftSuppressions(request), "The address gets e-mails again.")
  },
  role: {
    label: roleAct.label,
    role: "admin",
    isForOthers: true,
    isOffered: () => true,
    effect: roleAct.effect,
    fields: roleAct.fields,
    perform: ({ record, ...input }) => roleAct.perform(record, input)
  },
  enable: {
    label: "Enable",
    role: "support",
    isForOthers: true,
    isOffered: ({ user }) => !user.is_active,
    effect: () => "The user can log in again. Their sessions and devices do not come back.",
    perform: byReason((request) => acts.enable(request), "The user is enabled.")
  },
  disable: {
    label: "Disable",
    role: "support",
    isForOthers: true,
    isDestructive: true,
    isOffered: ({ user }) => user.is_active,
    effect: () =>
      "The user cannot log in and gets no notifications from now on. All sessions end, and all push tokens are deactivated.",
    perform: byReason((request) => acts.disable(request), "The user is disabled.")
  },
  erase: {
    label: "Erase",
    role: "admin",
    isForOthers: true,
    isDestructive: true,
    isOffered: () => true,
    effect: () =>
      "Erases the account and everything that is stored of it. This cannot be undone. The reason stays in the audit log, so it must not have personal data.",
    fields: ({ user }) => [
      {
        name: "confirm",
        label: "E-mail address of the user",
        type: "email",
        value: "",
        hint: `Type ${user.email} to confirm.`,
        isRequired: true
      }
    ],
    perform: async ({ reason, record, values }) => {
      await run(
        Effect.flatMap(decodeInput(StaffEraseInput)({ reason, confirm: values["confirm"] ?? "" }), (payload) =>
          api["admin-users"].erase({ params: { id: record.user.id }, payload })
        )
      )
      return "The user is erased."
    }
  }
} satisfies Record<string, UserAct>

export type UserActName = keyof typeof userActs

const isUserActName = (name: unknown): name is UserActName => typeof name === "string" && Object.hasOwn(userActs, name)

/** The open act in the query of a link, and what it is on. */
export const userLinkIn = linkParts(
  Schema.Struct({ act: linkPart(Schema.String.pipe(Schema.refine(isUserActName))), target: linkPart(Schema.String) })
)

/** The act with the name. */
export const userAct = (name: UserActName): UserAct => userActs[name]

/** Whether the act is on one's own account, and nobody does it there. */
export const isRefusedOnSelf = ({ isForOthers = false }: UserAct, { user }: UserView, session: StaffSession): boolean =>
  isForOthers && user.id === session.user.id

/** Whether the member of staff may do it: only admins act on users who hold a role. */
export const mayAct = (act: UserAct, record: UserView, session: StaffSession): boolean =>
  hasRole(session.role, record.role === null ? act.role : "admin") && !isRefusedOnSelf(act, record, session)
