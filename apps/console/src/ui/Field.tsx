import type { ReactNode } from "react"
import { FieldError } from "react-aria-components/FieldError"
import { Input } from "react-aria-components/Input"
import { Label } from "react-aria-components/Label"
import { Text } from "react-aria-components/Text"
import { TextField, type TextFieldProps } from "react-aria-components/TextField"

interface FieldProps extends Omit<TextFieldProps, "children" | "className"> {
  readonly label: string
  readonly hint?: ReactNode
  readonly placeholder?: string
}

/** A text field with its label and the problems of its value. */
export const Field = ({ hint, label, placeholder, ...props }: FieldProps) => (
  <TextField {...props} className="field">
    <Label>{label}</Label>
    <Input {...(placeholder === undefined ? {} : { placeholder })} />
    {hint === undefined ? null : (
      <Text slot="description" className="soft">
        {hint}
      </Text>
    )}
    <FieldError className="field-error" />
  </TextField>
)
