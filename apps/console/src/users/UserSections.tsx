import type { StaffSessionBody } from "@user-service/schema/http/admin/StaffSessionApi"
import { Link } from "@tanstack/react-router"
import type { ReactNode } from "react"
import { EntryActor, EntryDetails } from "../audit/EntryCells.tsx"
import { Badge } from "../ui/Badge.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Facts } from "../ui/Facts.tsx"
import { Section } from "../ui/Section.tsx"
import { Time } from "../ui/Time.tsx"
import { ActLink } from "./ActLink.tsx"
import { isSwitch, type Setting, settingLabel, settings, timeText } from "./Settings.ts"
import { StatusBadge } from "./StatusBadge.tsx"
import type { UserView } from "./UserQuery.ts"

interface SectionOfUser {
  readonly record: UserView
  readonly session: typeof StaffSessionBody.Type
}

export const AccountSection = ({ record: { limits, user, waiting_events } }: SectionOfUser) => (
  <Section id="account" title="Account">
    <Facts
      facts={[
        ["Id", <code key="id">{user.id}</code>],
        ["Username", user.username],
        ["Phone", user.phone_number ?? <span className="soft">none</span>],
        ["Language", user.profile.language],
        ["Time zone", user.profile.timezone],
        ["Registered", <Time key="registered" at={user.created_at} />],
        ["Last login", <Time key="login" at={user.last_login} />],
        ...limits.map((limit) => [limitNames[limit.name], <Limit key={limit.name} limit={limit} />] as const),
        [
          "Events not published yet",
          waiting_events.count === 0 ? (
            "none"
          ) : (
            <>
              {waiting_events.count}, since <Time at={waiting_events.oldest_at} />
            </>
          )
        ]
      ]}
    />
  </Section>
)

const limitNames = { failed_logins: "Failed logins in a row", daily_quota: "Notifications today" } as const

const Limit = ({ limit: { limit, name, resets_at, used } }: { limit: UserView["limits"][number] }) => {
  const isReached = used >= limit
  return (
    <>
      {used} of {limit} {isReached ? <Badge tone="warn">limit reached</Badge> : null}
      {isReached && resets_at !== null ? (
        <div className="soft">
          {name === "failed_logins" ? "Unknown networks are refused until " : "The next day begins at "}
          <Time at={resets_at} />
        </div>
      ) : null}
    </>
  )
}

const valueOf = ({ notification_preferences, profile }: UserView["user"], name: Setting): ReactNode => {
  const value = notification_preferences[name]
  if (typeof value === "boolean") return value ? "on" : <strong>off</strong>
  if (value === null) return <span className="soft">none</span>
  return typeof value === "number" ? value : `${timeText(value)} (${profile.timezone})`
}

export const PreferencesSection = ({ record, session }: SectionOfUser) => {
  const origins = new Map(record.setting_origins.map((origin) => [origin.setting, origin]))
  return (
    <Section id="preferences" title="Preferences">
      <DataTable
        label="Preferences"
        empty=""
        rows={settings}
        keyOf={(name) => name}
        columns={[
          { title: "Setting", cell: settingLabel },
          { title: "Value", cell: (name) => valueOf(record.user, name) },
          { title: "Set by", cell: (name) => <Origin origin={origins.get(name)} id={record.user.id} /> },
          {
            title: "Act",
            cell: (name) =>
              isSwitch(name) ? (
                <ActLink
                  name="change-setting"
                  target={name}
                  on={settingLabel(name)}
                  label={record.user.notification_preferences[name] ? "Turn off" : "Turn on"}
                  record={record}
                  session={session}
                />
              ) : (
                <ActLink
                  name={name === "frequency_limit" ? "change-limit" : "change-quiet-hours"}
                  on={settingLabel(name)}
                  label="Change"
                  record={record}
                  session={session}
                />
              )
          }
        ]}
      />
    </Section>
  )
}

const Origin = ({ id, origin }: { id: string; origin: UserView["setting_origins"][number] | undefined }) => {
  if (origin === undefined) return <span className="soft">default</span>
  const { actor, at, source } = origin
  return (
    <>
      {actor === null || actor === id ? (
        source
      ) : (
        <Link to="/users/$id" params={{ id: actor }}>
          {source}
        </Link>
      )}
      , <Time at={at} />
    </>
  )
}

export const SuppressionsSection = ({ record, session }: SectionOfUser) => (
  <Section
    id="suppressions"
    title="Suppressions"
    actions={<ActLink name="lift-suppressions" record={record} session={session} isButton />}
  >
    <DataTable
      label="Suppressions"
      empty="No address of this user is suppressed."
      rows={record.suppressions}
      keyOf={({ email }) => email}
      columns={[
        { title: "Address", cell: ({ email }) => email },
        { title: "Reason", cell: ({ reason }) => reason.replace("_", " ") },
        { title: "Since", cell: ({ created_at }) => <Time at={created_at} /> }
      ]}
    />
  </Section>
)

const nameOf = (device: string): string => (device === "" ? "Unnamed" : device)

export const SessionsSection = ({ record, session }: SectionOfUser) => (
  <Section
    id="sessions"
    title="Sessions"
    actions={<ActLink name="end-sessions" record={record} session={session} isButton />}
  >
    <DataTable
      label="Sessions"
      empty="This user is not logged in anywhere."
      rows={record.sessions}
      keyOf={({ id }) => id}
      columns={[
        {
          title: "Device",
          cell: ({ current, device_name, user_agent }) => (
            <>
              <div>
                {nameOf(device_name)} {current ? <Badge>this one</Badge> : null}
              </div>
              <div className="soft agent">{user_agent}</div>
            </>
          )
        },
        { title: "Address", cell: ({ ip }) => ip ?? <span className="soft">unknown</span> },
        { title: "Last used", cell: ({ last_seen_at }) => <Time at={last_seen_at} /> },
        { title: "Since", cell: ({ created_at }) => <Time at={created_at} /> },
        {
          title: "Act",
          cell: ({ device_name, id }) => (
            <ActLink
              name="end-session"
              target={id}
              on={nameOf(device_name)}
              label="End"
              record={record}
              session={session}
            />
          )
        }
      ]}
    />
  </Section>
)

export const DevicesSection = ({ record, session }: SectionOfUser) => (
  <Section id="devices" title="Devices">
    <DataTable
      label="Devices"
      empty="No app of this user is registered for push notifications."
      rows={record.push_tokens}
      keyOf={({ id }) => id}
      columns={[
        {
          title: "Device",
          cell: ({ device_id, device_name }) => (
            <>
              <div>{nameOf(device_name)}</div>
              <div className="soft agent">{device_id}</div>
            </>
          )
        },
        { title: "Platform", cell: ({ platform, token_type }) => `${platform}, ${token_type}` },
        {
          title: "State",
          cell: ({ is_active }) => (
            <Badge tone={is_active ? "good" : "warn"}>{is_active ? "active" : "deactivated"}</Badge>
          )
        },
        { title: "Last registered", cell: ({ last_used }) => <Time at={last_used} /> },
        {
          title: "Act",
          cell: ({ device_name, id }) => (
            <ActLink
              name="remove-push-token"
              target={id}
              on={nameOf(device_name)}
              label="Delete"
              record={record}
              session={session}
            />
          )
        }
      ]}
    />
  </Section>
)

export const DeliveriesSection = ({ record }: SectionOfUser) => (
  <Section id="deliveries" title="Latest deliveries">
    <DataTable
      label="Latest deliveries"
      empty="No notification was sent to this user."
      rows={record.deliveries}
      keyOf={({ id }) => id}
      columns={[
        {
          title: "Notification",
          cell: ({ notification_id }) => (
            <Link to="/deliveries" search={{ notification_id }}>
              <code>{notification_id}</code>
            </Link>
          )
        },
        { title: "Channel", cell: ({ channel }) => channel ?? <span className="soft">unknown</span> },
        { title: "Category", cell: ({ category }) => category ?? <span className="soft">unknown</span> },
        {
          title: "Status",
          cell: ({ error, status }) => (
            <>
              <StatusBadge status={status} />
              {error === null ? null : <div className="soft agent">{error}</div>}
            </>
          )
        },
        { title: "Time", cell: ({ updated_at }) => <Time at={updated_at} /> },
        {
          title: "Now",
          cell: ({ category, channel, notification_id }) =>
            category === null || channel === null ? null : (
              <Link
                to="/users/$id/why"
                params={{ id: record.user.id }}
                search={{ channel, category }}
                aria-label={`Why now: ${notification_id}`}
              >
                Why now
              </Link>
            )
        }
      ]}
    />
  </Section>
)

export const LogSection = ({ record }: SectionOfUser) => (
  <Section
    id="log"
    title="Log"
    actions={
      <Link to="/audit" search={{ user_id: record.user.id }} className="button">
        All entries
      </Link>
    }
  >
    <DataTable
      label="Log"
      empty="The log has no entry about this user."
      rows={record.audit}
      keyOf={({ id }) => id}
      columns={[
        { title: "Time", cell: ({ created_at }) => <Time at={created_at} /> },
        { title: "Action", cell: ({ action }) => <code>{action}</code> },
        { title: "Actor", cell: (entry) => <EntryActor entry={entry} /> },
        { title: "Address", cell: ({ ip }) => ip ?? <span className="soft">none</span> },
        { title: "Details", cell: (entry) => <EntryDetails entry={entry} /> }
      ]}
    />
  </Section>
)
