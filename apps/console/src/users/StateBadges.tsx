import { Badge } from "../ui/Badge.tsx"

interface AccountState {
  readonly is_active: boolean
  readonly is_verified: boolean
}

/** The state of an account in a list of users. */
export const StateBadges = ({ is_active, is_verified }: AccountState) => (
  <>
    {is_active ? null : <Badge tone="bad">disabled</Badge>}
    {is_verified ? null : <Badge tone="warn">not verified</Badge>}
    {is_active && is_verified ? <Badge tone="good">active</Badge> : null}
  </>
)
