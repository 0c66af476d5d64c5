"""What English-speaking callers say, in parts: the parts flow out, by topic and by kind.

All of it is our own wording. `{...}` are the slots that `texts` fills.
"""

from __future__ import annotations

from typing import Final

from pipeline.simulator.phrases import Phrases

ENGLISH: Final = Phrases(
    products={
        "broadband": "broadband",
        "mobile": "mobile plan",
        "router": "router",
        "phone": "phone",
        "app": "app",
        "store": "store",
    },
    places=(
        *("Riverside Gardens", "North Village", "College Road", "East Lake Court", "Bamboo Lane"),
        *("Station South", "Golden Bridge Flats", "Willow Yard", "the West Park estate"),
    ),
    times=("yesterday", "last week", "on Monday", "three days ago", "last month", "today"),
    openings=(
        "",
        "Hello, ",
        "Customer says: ",
        "I want to make a complaint. ",
        "Please look into this: ",
        "As a customer of many years, ",
    ),
    subjects={
        "plan": ("Plan change not applied", "Plan changed without consent"),
        "account": ("Wrong account details", "Transfer of ownership stuck"),
        "delivery": (
            "Order not shipped",
            "Parcel marked delivered, never arrived",
            "Damaged {product}",
        ),
        "installation": ("Engineer did not show up", "Relocation not scheduled"),
        "billing": ("Overcharged", "Unknown charge on the bill", "Bill far too high"),
        "refund": ("Refund not received", "Refund delayed", "Deposit withheld"),
        "invoice": ("Invoice is wrong", "E-invoice never arrives"),
        "network": ("No internet at {place}", "{product} keeps dropping", "No signal"),
        "speed": ("Speed below what was promised", "Very slow in the evening"),
        "login": ("Cannot log in to the app", "No verification code", "Account locked"),
        "promotion": ("Offer not honoured", "Misled when signing up"),
        "attitude": ("Rude agent", "Passed from one to another"),
    },
    problems={
        "plan": (
            "I asked for the smaller plan {time} and am still on the old one",
            "somebody put me on a plan of {amount} yuan without asking me",
            "my contract has ended but I am told I cannot downgrade",
        ),
        "account": (
            "I went to the store {times} times to transfer the number, papers are missing again",
            "my name is misspelt and {days} days later it is still wrong",
            "I cannot close my old number unless I pay {amount} yuan first",
        ),
        "delivery": (
            "I ordered a {product} {time}; {days} days later it has not even shipped",
            "the tracking says delivered, but no {product} ever reached me",
            "the {product} arrived with a cracked case",
            "my parcel went to the wrong address and the courier does not pick up the phone",
        ),
        "installation": (
            "I waited the whole day at {place} and no engineer came to install the {product}",
            "my relocation request is {days} days old and nobody can give me a date",
            "the engineer looked at the wall, said there is no free port and left",
        ),
        "billing": (
            "this month's bill is {amount} yuan too high and nobody can say why",
            "I am charged {amount} yuan every month for a service that I never ordered",
            "the same fee was taken twice, {amount} yuan in all",
            "you kept charging me while the line was suspended, {times} months of it",
        ),
        "refund": (
            "I was promised {amount} yuan back within {days} days and nothing has arrived",
            "I returned the {product} {time} and the refund is still being processed",
            "my deposit of {amount} yuan is not paid back, always under review",
        ),
        "invoice": (
            "the invoice has the wrong company name and after {days} days there is no new one",
            "I requested the e-invoice {times} times and it never arrives",
        ),
        "network": (
            "the internet at {place} has been down since {time}, restarting the box does not help",
            "my {product} drops a dozen times a day, I cannot work from home",
            "the whole building is offline and all neighbours have called already",
            "the red light has been on since {time}, I reported it {times} times and nobody came",
        ),
        "speed": (
            "I pay for a gigabit and the test shows thirty megabits",
            "after eight in the evening no page loads at {place}",
            "videos stall all the time, even with a new router",
        ),
        "login": (
            "since the update the app says system busy and will not let me log in",
            "I never get the verification code; after {times} tries I am locked out",
            "face recognition fails every time, so I can neither see nor pay my bill",
            "the app crashes as soon as I open it",
        ),
        "promotion": (
            "the salesman promised a free {product}; now the campaign is said to be over",
            "on the phone it was {amount} yuan a month, on the bill it is twice as much",
            "I was told I could cancel any time and now there is a fee of {amount} yuan",
        ),
        "attitude": (
            "the agent I spoke to {time} was rude and hung up on me",
            "the staff at {place} sent me from one counter to the next, {times} times",
            "the engineer demanded {amount} yuan in cash and was insulting",
        ),
    },
    demands={
        "refund": ("I want my {amount} yuan back", "please refund me now"),
        "settle": ("please settle it", "I want it done today"),
        "repair": ("please send somebody to fix it", "it has to work again today"),
        "explain": ("I expect an explanation in writing", "please find out and tell me why"),
        "apologise": ("I expect an apology", "I want the manager to call me"),
        "compensate": ("I ask for {amount} yuan in compensation", "please waive this month's fee"),
    },
    anger=(
        "This is outrageous! ",
        "Is that how you treat loyal customers? ",
        "I am furious. ",
        "The service is a disgrace. ",
        "I have had enough. ",
    ),
    again=(
        "This is call number {times} about it. ",
        "I have reported it {times} times and nothing happened. ",
        "You promised to call back within {days} days and nobody did. ",
    ),
    urgent=(
        "I need an answer before the end of today.",
        "It is urgent, call me within two hours.",
    ),
    threats=(
        "Otherwise I will complain to the regulator.",
        "My next call is to the newspaper.",
        "I am going to report you to the consumer association.",
        "My lawyer will write to you.",
        "I will post all of it online.",
    ),
    closings=("", "Please reply soon.", "Thank you.", "I am waiting for your call."),
    comments=(
        ("Not solved, and a long wait", "Nobody felt responsible"),
        ("Waited too long", "Will have to call again"),
        ("So so", "All right, but slow"),
        ("Patient agent", "Mostly solved"),
        ("Solved at once, thank you", "Very professional"),
    ),
)
