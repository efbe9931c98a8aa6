import type { Role } from "@user-service/domain/Role"

/** What a role is called as a heading, and what it allows. Each role has the rights of those before it. */
export const roleRights = [
  {
    role: "viewer",
    title: "Viewers",
    rights: "See users, deliveries, dead letters, the audit log and the staff. Change nothing."
  },
  {
    role: "support",
    title: "Support",
    rights:
      "Also act on users without a role: change names, addresses and settings, send mails, end sessions, delete devices, disable and enable. Also replay and discard dead letters."
  },
  {
    role: "admin",
    title: "Admins",
    rights:
      "Also act on the staff, give and take roles, invite and erase users, export the audit log, and end all sessions."
  }
] as const satisfies ReadonlyArray<{ readonly role: Role; readonly title: string; readonly rights: string }>
