import type { Role } from "@user-service/domain/Role"
import type { LinkProps } from "@tanstack/react-router"

interface NavigationItem {
  readonly to: NonNullable<LinkProps["to"]>
  readonly label: string
  /** The role that the page requires. */
  readonly role: Role
}

/** The pages of the console, in the order of the navigation. */
export const navigation: ReadonlyArray<NavigationItem> = [
  { to: "/", label: "Users", role: "viewer" },
  { to: "/deliveries", label: "Deliveries", role: "viewer" },
  { to: "/operations", label: "Operations", role: "viewer" },
  { to: "/dead-letters", label: "Dead letters", role: "viewer" },
  { to: "/audit", label: "Audit log", role: "viewer" },
  { to: "/staff", label: "Staff", role: "viewer" },
  { to: "/end-all-sessions", label: "All sessions", role: "admin" }
]
