"""What people write about software: symptoms, wishes, gaps, urgency, chatter. Written for this package.

A line is what the issue says, then after ` ~ ` other ways in which a text may say it, made of the same content words.
`{...}` is drawn once for the whole line (see `draw`); `{f}` is the feature. Every sixth line of a pool is held out of
training.
"""

from __future__ import annotations


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


# ---- what is wrong: predicates of the feature

SYMPTOMS = {
    "file": """
        hangs ~ just hangs ~ hangs for ever
        makes an empty file ~ only ever makes an empty file ~ gives me an empty file, it makes nothing else
        leaves out the last {2-9} lines ~ always leaves out the last {2-9} lines
        cuts off the right column ~ cuts off the whole right column
        has dates in the wrong format ~ has all dates in the wrong format
        turns accented letters into question marks ~ turns all accented letters into question marks
        stops at {10-99}% ~ always stops at {10-99}% ~ gets to {10-99}% and stops
        ignores the chosen period ~ completely ignores the period that was chosen
        overwrites the previous file ~ overwrites the previous file without asking
        shows last year's data ~ still shows the data of last year
        comes out in the wrong paper size ~ always comes out in the wrong paper size
        fails with no message ~ fails, and there is no message at all""",
    "upload": """
        rejects files over {2-90} MB ~ rejects all files over {2-90} MB
        stops at {10-99}% ~ gets to {10-99}% and stops
        creates every entry twice ~ creates each entry twice
        ignores the first line ~ ignores the first line of the file
        fails without a message ~ fails, without any message
        renames all files ~ simply renames all my files
        loses the umlauts in file names ~ loses all umlauts in the file names
        rejects valid files ~ rejects files that are valid
        mixes up the columns ~ totally mixes up the columns
        keeps the old version of a file ~ keeps the old version of the file
        counts empty lines as entries ~ counts the empty lines as entries too
        starts again from the beginning ~ starts again from the beginning every minute""",
    "view": """
        stays blank ~ just stays blank ~ stays completely blank
        shows the wrong total ~ shows a total that is wrong
        shows outdated numbers ~ shows numbers that are outdated
        jumps back to the top ~ always jumps back to the top
        shows every entry twice ~ shows each entry twice
        ignores the filter ~ ignores the filter that I set ~ simply ignores the filter
        sorts numbers as text ~ sorts the numbers like text
        returns no results ~ returns no results at all
        hides the last row ~ hides the last row behind the footer
        resets the selection ~ resets my selection all the time
        shows the wrong time zone ~ shows all times in the wrong time zone
        lists deleted entries ~ still lists entries that were deleted""",
    "form": """
        does not save changes ~ does not save my changes
        forgets its settings after a restart ~ forgets the settings after each restart
        rejects valid input ~ rejects input that is perfectly valid
        overwrites the changes of other users ~ overwrites changes of other users
        jumps to the wrong day ~ keeps jumping to the wrong day
        rounds amounts to whole numbers ~ rounds all amounts to whole numbers
        loses line breaks ~ loses all line breaks
        saves the entry twice ~ saves the same entry twice
        closes without a warning ~ closes without any warning
        shows a validation error for empty fields ~ shows a validation error for fields that are empty
        resets to the default values ~ always resets to the default values
        swaps the two dates ~ swaps the dates, the two of them""",
    "login": """
        rejects the right password ~ rejects the password although it is right
        ends in an endless loop ~ ends in a loop that is endless
        never sends the code ~ never sends me the code
        logs users out after {2-30} seconds ~ logs me out again after {2-30} seconds
        shows a white page ~ only shows a white page
        does not accept the new card ~ does not accept my new card
        asks for the code twice ~ asks for the code, and then asks for it twice
        locks the account at the first attempt ~ locks my account at the very first attempt
        redirects to the wrong page ~ redirects me to the wrong page
        gives a 500 error ~ just gives a 500 error
        times out after {5-60} seconds ~ always times out after {5-60} seconds
        forgets who is signed in ~ keeps forgetting who is signed in""",
    "message": """
        arrives {2-9} hours late ~ arrives with a delay of {2-9} hours, so {2-9} hours late
        never arrives ~ simply never arrives
        is sent twice ~ is always sent twice
        stops after the first message ~ stops right after the first message
        shows the wrong sender ~ shows a sender that is wrong
        ends up in the spam folder ~ always ends up in the spam folder
        contains a broken link ~ contains a link that is broken
        goes to the wrong person ~ goes to a person that is wrong
        loses attachments ~ loses all attachments
        shows placeholders instead of names ~ shows placeholders, and no names
        disconnects every {2-30} minutes ~ disconnects itself every {2-30} minutes
        duplicates every appointment ~ duplicates each appointment""",
    "media": """
        stutters ~ stutters badly ~ stutters all the time
        has no sound ~ has no sound at all
        freezes after {2-50} seconds ~ always freezes after {2-50} seconds
        goes black ~ just goes black
        turns the picture upside down ~ turns the whole picture upside down
        drains the battery ~ totally drains the battery
        stops when the screen is locked ~ stops as soon as the screen is locked
        loses the connection ~ keeps losing the connection
        skips the first seconds ~ skips the first few seconds
        uses the wrong microphone ~ always uses the wrong microphone
        shows no picture ~ shows no picture, only grey
        starts from the beginning again ~ always starts from the beginning again""",
    "api": """
        exits with code {1-139} ~ always exits with code {1-139}
        returns a 500 error ~ returns a 500 error each time
        ignores the --{flag} option ~ just ignores the --{flag} option
        returns an empty list ~ returns nothing but an empty list
        deletes the config file ~ deletes my config file
        drops the last record ~ silently drops the last record
        crashes on comments ~ crashes when there are comments
        reads numbers as strings ~ reads all numbers as strings
        sends the wrong content type ~ sends a content type that is wrong
        loops for ever ~ just loops for ever
        writes logs to the wrong folder ~ writes its logs to the wrong folder
        fails on paths with spaces ~ fails on all paths with spaces""",
}
"""By the class of a feature."""

ANY_SYMPTOM = """
    crashes ~ just crashes ~ keeps crashing ~ always crashes
    no longer works ~ does not work any longer ~ no longer works at all
    freezes ~ completely freezes ~ just freezes
    does nothing ~ simply does nothing
    shows an error ~ only shows an error
    disappears ~ simply disappears
"""

SLOW = """
    takes {12-95} seconds to load ~ now takes {12-95} seconds to load
    is very slow with more than {20-900} entries ~ is awfully slow with more than {20-900} entries
    uses {2-15} GB of memory ~ eats memory, it uses {2-15} GB
    gets slower every day ~ gets slower and slower every day
    blocks the whole app for {3-40} seconds ~ blocks the app for {3-40} seconds, the whole of it
    needs {2-9} minutes for a single entry ~ needs {2-9} minutes, and that for a single entry
    makes the fan run at full speed ~ makes my fan run at full speed
    is slow on mobile networks ~ is so slow on mobile networks
    responds after {4-30} seconds ~ only responds after {4-30} seconds
    keeps the processor at 100% ~ keeps the processor at 100% all the time
    loads {20-400} MB on every start ~ loads {20-400} MB on every single start
    takes twice as long as before ~ takes twice as long as it did before
    lags while typing ~ lags badly while I am typing
"""

UNSAFE = """
    shows the data of other customers ~ also shows me the data of other customers
    is reachable without a login ~ is reachable without any login
    sends the password in plain text ~ sends my password in plain text
    writes the access token to the log ~ writes the access token to the log file
    lets guests delete entries ~ lets any guests delete our entries
    stays open to former employees ~ stays open to employees, even former ones
    can be opened by anyone with the link ~ can be opened by anyone who has the link
    accepts an expired certificate ~ happily accepts a certificate that is expired
    runs scripts from the input ~ runs scripts that come from the input
    reveals which addresses have an account ~ reveals which mail addresses have an account
    keeps the session after the logout ~ keeps my session after the logout
    allows unlimited password attempts ~ allows attempts with any password, unlimited
    stores card numbers unencrypted ~ stores our card numbers unencrypted
"""

AWKWARD = """
    is hard to find ~ is really hard to find
    needs too many clicks ~ simply needs too many clicks
    has text that is too small to read ~ has text which is too small for me to read
    has too little contrast in dark mode ~ has far too little contrast in dark mode
    cannot be used with the keyboard ~ cannot be used with the keyboard alone
    hides the cancel button ~ hides the cancel button from people
    is hard to use on a phone ~ is really hard to use on a phone
    does not say which fields are required ~ never says which fields are required
    gives no feedback after a click ~ gives me no feedback after a click
    asks for confirmation at every step ~ asks me for confirmation at every step
    is not read out by the screen reader ~ is not read out by my screen reader
    uses confusing names for the buttons ~ uses names for the buttons that are confusing
    scrolls sideways on small screens ~ always scrolls sideways on small screens
"""

TRIGGERS = """
    with more than {20-900} entries ~ with more than {20-900} entries
    when offline ~ when I am offline
    on a slow connection ~ on a slow connection
    when two users work at the same time ~ when two users work at the same time
    in a private window ~ in a private window
    if the name contains an apostrophe ~ if the name contains an apostrophe
    after midnight ~ after midnight
    on a second monitor ~ on my second monitor
    with a new account ~ with a new account
    when the language is set to French ~ when the language is set to French
    behind a proxy ~ behind our proxy
    after {5-50} minutes without activity ~ after {5-50} minutes without activity
"""

# ---- what is wanted, missing in the docs, or asked

WISHES = {
    "any": """
        support keyboard shortcuts
        show a preview
        undo the last change
        handle several entries at once
        remember the last choice
        follow the dark theme of the system
        show who made a change
        warn about duplicates
        resume after an interruption
        keep a history of {5-50} versions
        explain errors in plain words
        send a summary every {day}""",
    "file": """
        run on a schedule
        write {format} files
        skip empty lines
        add the date to the file name
        put several months into one file
        compress large files""",
    "upload": """
        open {format} files
        skip rows that exist already
        show which line is wrong
        accept files of {2-20} GB
        watch a folder
        take files from a phone""",
    "view": """
        remember the last filter
        hide old entries
        sort by date
        load more than {20-900} entries
        group the entries by month
        fit on a small screen""",
    "form": """
        skip weekends
        use 24-hour times
        save drafts automatically
        fill in the usual values
        offer {5-15} entries as favourites
        check the input while typing""",
    "login": """
        accept a security key
        stay signed in for {2-30} days
        work without a phone
        offer a backup code
        list the open sessions
        lock after {3-9} wrong attempts""",
    "message": """
        wait until {day}
        use a template
        respect quiet hours
        include a map
        go to several people at once
        retry after a failure""",
    "media": """
        work offline
        show subtitles
        remember where it stopped
        run at double speed
        lower the quality on slow networks
        use an external microphone""",
    "api": """
        return {format}
        accept a list of paths
        run {2-16} jobs in parallel
        print its progress
        read settings from the environment
        have a --{flag} option""",
}
"""What the feature should do: by its class, and what any might."""

ADDITIONS = """
    a search box
    a dark theme
    a confirmation dialog
    a progress bar
    a button for deleting several entries
    a filter by date
    a copy button
    a time zone setting
    an undo button
    a print view
    support for {format}
    a list of recent entries
    a field for comments
    a limit of {5-90} entries per page
    a link to the help page
    a column for the owner
    a monthly summary
    a QR code
"""
"""What the feature should have."""

TASKS = """
    set up {f}
    turn off {f}
    use {f} with a proxy
    move {f} to another account
    change the time zone of {f}
    limit {f} to one team
    automate {f}
    reset {f}
    use {f} without a mouse
    translate {f} into Spanish
    test {f} without real data
    give guests access to {f}
    use {f} with {format} files
"""

DOC_FAULTS = """
    shows old screenshots
    still describes version {1-3}
    links to a page that does not exist
    skips the second step
    names a button that is not there
    contradicts the release notes
    is only available in German
    has an example that does not run
    does not mention the limits
    lists the wrong system requirements
    says nothing about permissions
    repeats the same paragraph twice
"""

# ---- further facts: a sentence of the description, and how it is said

REASONS = """
    At the moment it is done by hand. ~ right now we do it by hand at the moment
    That would save an hour every week. ~ that would save us an hour every week
    Other tools have this already. ~ other tools have this already
    Customers keep asking for it. ~ our customers keep asking for it
    Without it, mistakes are easy to make. ~ mistakes are easy to make without it
    {team} needs this every day. ~ {team} needs this every day
    At the moment a spreadsheet is used instead. ~ we use a spreadsheet instead at the moment
    It is needed for {event}. ~ we need it for {event}
"""

FREQUENCIES = """
    every time ~ it happens every time ~ every time, I can reproduce it
    about every third time ~ it happens about every third time
    only sometimes ~ it happens only sometimes
    for all users ~ it happens for all users ~ we all see it, all users
    only for new users ~ it happens only for new users
    several times a day ~ it happens several times a day
    only on {day}s ~ it happens only on {day}s
    with every account ~ it happens with every account that I tried
    only in the morning ~ only in the morning it happens
    at every second attempt ~ it happens at every second attempt
    in {2-9} of 10 attempts ~ it happens in {2-9} of 10 attempts
    at random ~ it happens at random
"""

ERRORS = """
    Error {100-9999}
    Permission denied
    ERR_TIMEOUT_{10-99}
    Unexpected token at line {2-400}
    Connection refused
    Invalid state: {10-99}
    NullPointerException
    Something went wrong ({100-999})
    Disk quota exceeded
    TypeError: undefined is not a function
    Certificate has expired
    Too many requests
    Lock wait timeout exceeded
"""

ATTEMPTS = """
    restarting the app
    clearing the cache
    reinstalling it
    a different network
    logging out and in again
    another account
    turning off the ad blocker
    a factory reset
    an older backup
    updating the driver
    deleting the cookies
    waiting a day
"""

WORKAROUNDS = """
    reloading the page twice
    using the old version
    switching to the desktop app
    entering it by hand
    turning off the Wi-Fi
    splitting the file in two
    opening it in a new tab
    changing the language to English
    logging in again
    zooming out
    starting it from the command line
    restarting the service
"""

EXPECTED = {
    "file": "a complete file|a file that opens|all lines in the file",
    "upload": "all files in the list|a short success message|each entry once",
    "view": "the current data|the matching entries|the same numbers as last week",
    "form": "the changes after a reload|a saved entry|the entered values",
    "login": "the start page|a new code within a minute|a clear message",
    "message": "one message within a minute|the message in the inbox|the right recipient",
    "media": "a steady picture with sound|a smooth start|the last position",
    "api": "a 200 response|exit code 0|a clear error message",
}

# ---- how pressing it is: what the description says of it, and how it is said; by level

CUES = {
    "critical": """
        Production is down. ~ production is down ~ production has been down since this morning
        Nobody in {team} can work. ~ nobody in {team} can work ~ nobody in {team} can work right now
        Customers are leaving. ~ customers are leaving because of this ~ our customers are leaving
        Data is being lost. ~ we are losing data, it is being lost right now
        All customers are affected. ~ all our customers are affected right now
        - ~ this is critical ~ priority: critical ~ please treat this as critical
        - ~ drop everything, please ~ please drop everything for this
        The staff cannot do anything. ~ our staff cannot do anything ~ our staff cannot do anything else now
        The website is offline. ~ the website is offline because of that ~ the whole website is offline
        Work has stopped. ~ work has stopped completely ~ all work has stopped
        - ~ emergency! ~ this is an emergency
        The whole company is at a standstill. ~ the whole company is at a standstill""",
    "high": """
        The whole {team} team is blocked. ~ the whole {team} team is blocked ~ whole {team} team is blocked
        It blocks {event}. ~ this blocks {event} ~ it blocks {event}
        It is needed before {day}. ~ we need it before {day} ~ it is needed before {day}
        - ~ this is urgent ~ it is urgent ~ urgent!
        - ~ please fix it as soon as possible ~ please look at this asap ~ we need an answer asap
        - ~ priority: high ~ this has high priority for us ~ high priority please
        {event} is tomorrow. ~ {event} is tomorrow ~ {event} is tomorrow!
        A big customer is waiting for it. ~ a big customer is waiting for it
        - ~ this cannot wait ~ it cannot wait until next week
        {day} is the deadline. ~ our deadline is {day}
        {2-30} people are waiting for this. ~ {2-30} people here are waiting for this
        - ~ very important for us ~ this is very important""",
    "medium": """
        - ~ not urgent, but annoying ~ it is annoying, but not urgent
        - ~ normal priority ~ priority: medium ~ medium priority I would say
        - ~ we can live with it for a few weeks ~ I can live with it for a few weeks
        - ~ please fix it in one of the next versions
        - ~ not dramatic, but it costs time ~ it costs us time, but it is not dramatic
        - ~ would be good to have this by the end of {month}
        - ~ it is not a blocker, but should be done soon
        - ~ should be looked at in the next sprint ~ something for the next sprint
        - ~ moderately important ~ it is moderately important
        - ~ no emergency, but please do not forget it
        - ~ in the coming weeks would be fine
        - ~ medium is fine for this one""",
    "low": """
        - ~ no rush ~ no rush at all ~ there is no rush
        - ~ whenever you have time ~ please look at it whenever you have time
        - ~ just a nice to have ~ nice to have
        - ~ low priority ~ priority: low ~ very low priority
        - ~ only a small thing ~ it is only a small thing
        - ~ can wait ~ this can wait
        - ~ it is purely cosmetic ~ purely cosmetic
        - ~ not important ~ not important at all
        - ~ just an idea ~ it is just an idea for later
        - ~ minor thing ~ it is a minor thing
        - ~ some day maybe ~ maybe some day
        - ~ take your time ~ please take your time""",
}

# ---- where: products and machines

BROWSERS = "Firefox|Chrome|Safari|Edge|Opera|Brave"
SYSTEMS = (
    "on Windows {10-11}|on macOS {13-15}|on Ubuntu {20-24}.04|on Android {11-15}|on iOS {15-18}|on Debian {11-13}|"
    "on a Pixel {5-9}|on an iPhone {11-16}|on an iPad|on Fedora {38-41}|on a Chromebook|on a Galaxy S{20-25}"
)
PRODUCTS = (
    "Ledgerly|Planwise|Photonest|Shopmate|Coursely|Fitlog|Homebase|Stockpile|Teamdesk|Paperboy|Routemap|Cashflow|"
    "Clinica|Mailroom|Taskboard|Codeyard|Sketchpad|Timecard|Backupper|Newsdesk|Dealhub|Chatterbox|Signpost|Vaultly"
)
FLAGS = "verbose|dry-run|force|output|no-cache|watch|quiet|strict|json|parallel|config|offline"
FORMATS = "PDF|Excel|JSON|CSV|XML|Markdown|PNG|SVG|iCal|HTML|YAML|ZIP"
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"

# ---- how it is said: `{f}` the feature, `{s}` what it does

FAULT = """
    {f} {s}
    I have a problem with {f}: it {s}
    something is wrong with {f}, it {s}
    I noticed that {f} {s}
    {f} is broken. It {s}
    we found out that {f} {s}
    looks like {f} {s}
    it seems that {f} {s}
    not sure if you know, but {f} {s}
    trouble with {f} again. It {s}
    {f} is acting up, it {s}
    why is it that {f} {s}?
    we see that {f} {s}
"""
WISH = """
    it would be great if {f} could {s}
    could you make {f} {s}?
    {f} should {s}
    I would love {f} to {s}
    please let {f} {s}
    we need {f} to {s}
    feature request: {f} should {s}
    any chance that {f} will {s} one day?
    I wish that {f} could {s}
    it would help us a lot if {f} could {s}
    suggestion: let {f} {s}
    would it be an option to let {f} {s}?
"""
ADDITION = """
    please add {s} to {f}
    I am missing {s} in {f}
    it would be nice to have {s} in {f}
    could we get {s} for {f}?
    {f} needs {s}
    feature request: {s} for {f}
    we could really use {s} in {f}
    an idea: {s} in {f}
    would be cool to have {s} in {f}
    can you build {s} into {f}?
    my wish for {f} is {s}
    what {f} lacks is {s}
"""
UNDOCUMENTED = """
    the docs do not say how to {s}
    I cannot find in the documentation how to {s}
    the manual does not explain how to {s}
    please document how to {s}
    the help pages are silent on how to {s}
    nothing in the docs about how to {s}
    it is not documented how to {s}
"""
DOC_FAULT = """
    the documentation of {f} {s}
    the docs page about {f} {s}
    the manual page for {f} {s}
    the help page of {f} {s}
    the readme section on {f} {s}
    your docs on {f} need work: the page {s}
"""
HOW = """
    how do I {s}?
    can somebody tell me how to {s}?
    I have a question: how can I {s}?
    what is the best way to {s}?
    I wonder how to {s}
    we would like to know how to {s}
    quick question, how do you {s}?
"""
WHETHER = """
    is it possible to {s}?
    is there a way to {s}?
    can I {s}?
    I would like to know if it is possible to {s}
    do you know whether one can {s}?
    quick question: can we {s}?
"""
ALSO = """
    also, {c}
    by the way, {c}
    on top of that, {c}
    one more thing: {c}
    and {c}
    besides, {c}
"""

# ---- chatter that says nothing

GREETINGS = {
    "chat": "hey|hi|hello there|hi team|hey guys|morning|hi all|yo|hey folks",
    "mail": "Dear support team,|Hello,|Dear Sir or Madam,|Hi there,|Good morning,|Dear all,|To whom it may concern,",
    "transcript": "okay so|right, uh|um, hello|so, yeah|alright|hello, this is a note for the developers,",
}
CHATTER = """
    hope you are well
    sorry for the long text
    great app otherwise
    I know you are busy
    I am not a technical person
    we have been customers for {2-9} years
    I hope this is the right place
    my coffee went cold over this
    I searched the forum first and found nothing
    the new colours are lovely
    I wrote to you last week about something else
    I am writing this on the train
    thanks for the quick help last time
    everything else is fine
    it rains here, so I have time to write
    the new icons are pretty
    my boss told me to write this
    {other} works fine
    no complaints about {other}
"""
ANGER = """
    this is unbelievable
    I am really fed up
    I want my money back
    do you even test this?
    this is the third time I write
    honestly, what a mess
    we pay for this!
    seriously?
"""
THANKS = "thanks|thank you|thx|many thanks|cheers|thanks a lot|thanks in advance|let me know if you need more"
CLOSINGS = "Kind regards,|Best regards,|Thanks,|Best,|Many thanks and best wishes,|Sincerely,|Yours faithfully,"
FILLERS = "um|uh|you know|like|so|well|I mean|er"
AGENT = """
    thanks for writing, what is the matter?
    could you tell me more?
    I see. Anything else?
    which account is it about?
    okay, noted
    one moment please
    thank you, I will pass it on
"""
