"""What issues are about: features of software by field of work, each with the steps that lead to it.

A heading names a field: its team, and what makes an issue pressing there. A line is a feature, its class (which decides
what can go wrong with it, see `pools.SYMPTOMS`), its component and the steps; `^` stands before a name on the screen,
`{...}` is drawn (see `draw`). Every sixth feature is held out of training. Written for this package.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """`name` stands in a sentence ("the CSV export of invoices"); `steps` are orders ("press ^Export")."""

    name: str
    kind: str
    component: str
    steps: tuple[str, ...]
    team: str
    event: str


_LINES = """
# accounting | the month-end closing
the CSV export of invoices | file | export | open the invoices page; pick {month}; press ^Export
the VAT report | file | reports | open the reports tab; choose {month}; click ^Create report
the bank import | upload | import | open the bank page; choose a statement of {month}; press ^Import
the reminder mail for unpaid invoices | message | mail | open an unpaid invoice; click ^Send reminder
the invoice editor | form | editor | open a draft invoice; change the tax rate to {3-25}%; press ^Save
the customer search | view | search | click into the search box; type the name of a customer; press Enter
# design | the client presentation
the photo gallery | view | gallery | start the app; open an album with {40-900} photos; scroll to the end
the crop tool | form | editor | open a photo; drag the corner of the frame; tap ^Apply
the album upload | upload | upload | select {5-80} photos; tap ^Upload
the slide show | media | player | open an album; press ^Play; wait for the second photo
the PNG export | file | export | open a drawing; choose PNG; set the width to {800-4000} pixels; click ^Save
the colour picker | form | editor | double-click a shape; open the colour picker; enter a hex value
# planning | the trade fair
the weekly view | view | calendar | open the calendar; switch to the weekly view
the calendar sync with Outlook | message | sync | connect an Outlook account; create an appointment; wait {2-15} minutes
the meeting invitation | message | mail | create a meeting; invite {2-20} guests; press ^Send
the time zone setting | form | settings | open the settings; change the time zone to Lisbon; reload the calendar
the room booking | form | calendar | pick a room; drag over {day}; click ^Book
the iCal feed | api | api | copy the link of the feed; add it to another calendar
# customer care | the {month} sale
the shopping cart | form | checkout | add {2-12} items to the cart; change the quantity of one; go to the checkout
the checkout page | form | checkout | fill the cart; enter an address; click ^Pay now
the voucher field | form | checkout | go to the checkout; type a voucher code; press ^Redeem
the card payment | login | payment | choose credit card; enter the card number; confirm the payment
the product filter | view | search | open the category page; set the price filter to {20-300} euros
the order confirmation | message | mail | place an order; wait for the mail
# engineering | the release
the build command | api | cli | clone the repository; run the build command with --{flag}
the config parser | api | cli | add a section to the config file; start the server
the plugin loader | api | plugins | copy a plugin into the folder; restart the service
the REST endpoint for users | api | api | request a token; send a POST with {2-900} users
the rate limiter | api | api | send {20-500} requests in a minute; read the response header
the installer | file | installer | download the installer; run it as an administrator; accept the licence
# support | the holiday season
the ticket list | view | search | log in as an agent; open the ticket list; sort it by date
the chat widget | message | chat | open the start page; click the chat widget; write a message
the attachment upload | upload | upload | open a ticket; drag a PDF into the reply; press ^Send
the agent login | login | login | go to the login page; enter the password; type the code from the phone
the satisfaction survey | message | mail | close a ticket; open the survey from the mail
the ticket dashboard | view | dashboard | open the dashboard; select the last {7-90} days
# teaching | the exam
the quiz editor | form | editor | create a quiz; add {2-30} questions; click ^Publish
the homework upload | upload | upload | open the course; choose a PDF; tap ^Hand in
the video player | media | player | open a lesson; start the video; skip to minute {2-40}
the grade book | view | reports | open the grade book; filter by class; scroll to the last row
the course invitation | message | mail | add {2-40} students; press ^Invite
the student login | login | login | open the login page; choose a school; enter the password
# training | the city run
the step counter | view | dashboard | open the app; walk {100-900} steps; pull down to refresh
the GPS track | media | map | start a run; lock the screen; stop the run after {5-60} minutes
the heart rate chart | view | dashboard | pair the chest strap; start a workout; open the heart rate chart
the weekly report | file | reports | tap the profile picture; choose the weekly report; share it as a PDF
the training plan | form | calendar | open the training plan; move a session to {day}; tap ^Done
the watch sync | message | sync | finish a workout on the watch; open the app on the phone
# operations | the audit
the thermostat screen | form | settings | open the living room; set the target to {17-24} degrees; go back
the motion alarm | message | notifications | arm the system; leave the house; walk past the sensor
the camera stream | media | player | open the camera; tap the full screen button; turn the phone
the schedule for the blinds | form | calendar | add a rule for {day}; save it; wait for the next morning
the firmware update | upload | installer | open the device page; press ^Update; wait {2-30} minutes
the guest access | login | login | invite a guest; sign in with the guest account
# reception | the vaccination week
the appointment booking | form | calendar | choose a doctor; pick a slot on {day}; confirm with the code
the patient search | view | search | enter a date of birth; press Enter; open the second hit
the prescription print | file | printing | open a patient; select a prescription; click ^Print
the lab import | upload | import | plug in the USB stick; choose the lab file; press ^Read
the SMS reminder | message | notifications | book an appointment for {day}; wait for the SMS
the referral letter | file | printing | open the last visit; choose the referral letter; print it
# delivery | the {month} delivery rush
the route planner | view | map | enter {3-30} stops; press ^Optimise
the barcode scanner | media | scanner | open the receiving page; scan a barcode; confirm the quantity
the stock list | view | search | open the stock list; filter by shelf; sort by quantity
the label print | file | printing | select {2-60} parcels; click ^Print labels
the delivery note | file | export | open an order; add a line; export the delivery note as a PDF
the driver app | message | sync | start a tour; mark a stop as done; turn on flight mode
# HR | the payroll run
the time sheet | form | calendar | open the time sheet; enter {2-9} hours for {day}; press ^Submit
the holiday request | form | calendar | choose two days in {month}; add a comment; send the request
the payslip download | file | export | log in; open the documents; download the payslip of {month}
the org chart | view | dashboard | open the org chart; click a department; zoom in
the single sign-on | login | login | open the portal; click ^Sign in with Google; choose an account
the applicant import | upload | import | save the list as CSV; open the applicants; upload the list
# payments | the end of the quarter
the transfer form | form | payment | open the transfer form; paste an IBAN; enter the amount; confirm
the account statement | file | export | choose an account; select {month}; download the statement
the fingerprint login | login | login | lock the phone; open the app; put a finger on the sensor
the push notification for payments | message | notifications | turn on the notifications; pay with the card
the standing order | form | payment | create a standing order; set the first date to {day}; save it
the spending chart | view | dashboard | open the overview; swipe to the spending chart; tap a category
# QA | the beta test
the save game | file | settings | finish level {2-30}; choose ^Save and quit; load the game
the inventory screen | view | inventory | collect {10-90} items; press ^I; drag a sword to the belt
the voice chat | media | player | join a party; hold the talk key
the matchmaking | login | lobby | create a lobby; invite {2-4} friends; press ^Ready
the settings menu | form | settings | open the settings menu; lower the shadow quality; click ^Apply
the mini map | view | map | enter the second town; open the mini map; zoom out
# sales | the quarterly review
the contact import | upload | import | export the contacts from Excel; choose the file; map the columns; click ^Import
the deal board | view | dashboard | open the deal board; drag a deal to the next column
the newsletter editor | form | editor | create a newsletter; insert an image; press ^Preview
the lead form | form | editor | open the landing page; fill in the lead form; submit it
the duplicate search | view | search | select {2-400} contacts; run the duplicate search
the call log | view | reports | open a contact; switch to the call log; filter by {month}
# IT | the data centre move
the nightly backup | file | backup | add a folder of {2-90} GB; start the backup by hand; wait for the report
the restore dialog | file | backup | choose a snapshot of {day}; select a folder; click ^Restore
the shared folder | upload | sharing | create a shared folder; drop {3-300} files into it; open it on a second computer
the admin console | view | dashboard | log in as an administrator; open the list of devices
the VPN client | login | login | start the VPN client; enter the one-time code; press ^Connect
the password reset | message | login | click ^Forgot password; enter the mail address; open the link in the mail
# editorial | the election night
the article editor | form | editor | create an article; paste a table; click ^Publish
the image search | view | search | open the image search; type two words; pick the first image
the video call | media | player | join the morning call; share the screen; turn on the subtitles
the comment section | message | chat | open an article; write a comment; press ^Post
the translation panel | form | editor | select a paragraph; choose Spanish; click ^Translate
the RSS feed | api | api | subscribe to the RSS feed; publish an article; refresh the reader
"""


def _parse(lines: str) -> list[Feature]:
    found: list[Feature] = []
    team = event = ""
    for line in lines.strip().splitlines():
        if line.startswith("# "):
            team, event = line[2:].split(" | ")
            continue
        name, kind, component, steps = line.split(" | ")
        found.append(Feature(name, kind, component, tuple(steps.split("; ")), team, event))
    return found


FEATURES = _parse(_LINES)
COMPONENTS = tuple(sorted({feature.component for feature in FEATURES}))
