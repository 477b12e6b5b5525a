"""The words of financial headlines and what they weigh: a list of our own, written for this package.

Words stand in their base form; `sentiment_tokens.base_form` finds it. Weights run from -3 (ruin) to
3 (triumph) and say what the word means for the share that the headline is about. Change a weight, and
`sentiment.LEXICON_VERSION` changes with it, so that stored scores can be told apart.
"""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _weights(table: dict[float, str]) -> dict[str, float]:
    return {word: weight for weight, words in table.items() for word in words.split()}


# Words that carry their meaning alone.
WORDS = _weights(
    {
        3.0: "blockbuster",
        2.5: "bullish rocket blowout triumph stellar breakthrough rally",
        2.0: """
            outperform upgrade robust rebound upbeat win strong stronger strongest recover
            recovery boom exonerate thrive multibagger undervalued lucrative
        """,
        1.5: """
            oversubscribed sizzle
            beat approve approval clear award gain success successful profitable upside momentum
            optimistic optimism outpace exceed surpass accretive benefit breakout overweight
            clearance improvement resilient solid healthy thrill cheer embrace acquit dismiss
            reinstate amazing awesome crush reward bounce brighten upswing
        """,
        1.0: """
            stun
            better best good great secure land earn profitability favourable favorable
            advantage buyback repurchase ahead early relief ease confident confidence boost help
            support resume restart efficient popular partner save saving positive bull
            long undisputed winner rescue lead leader attractive cheap expansion constructive
            encourage encouraging innovative premium deleverage break-even double triple
            quadruple
        """,
        0.5: "profit growth grow accelerate optimise contract breakeven approved",
        -0.5: """
            subdued muted tepid cautiously erratic choppy
            loss concern caution cautious volatile uncertainty uncertain headwind drag
            restructure restructuring short tariff
        """,
        -1.0: """
            turbulence sour succumb tough sluggishness
            weak weaker weakest soft sluggish slow slowdown worse worst bad poor negative lag
            pressure squeeze halt pause delay postpone dilute dilutive dilution bear risk doubt
            worry fear struggle hurt harm hinder weigh gloomy overhang problem trouble outage
            strike protest shortage glut idle quit oust resign leak defect penalty fine
            complaint allege accuse allegation warn warning decay disrupt disruption expensive
            overvalued unprofitable flee dump
        """,
        -1.5: """
            miss disappoint disappointing disappointment downside underweight underperform
            lawsuit sue probe investigate investigation subpoena recall reject rejection layoff
            impairment writedown breach hack shortfall deficit stall scrap abandon suspend
            suspension ground halve lose restate restatement violate violation scandal fail
            failure block shutter dismal awful terrible ugly lie stagnate stagnation recession
            crisis junk sewage unsafe fatal wreck death die
        """,
        -2.0: """
            meltdown rout bloodbath carnage
            bearish downgrade fraud bribery corruption default delist delinquency guilty convict
            indict insolvent insolvency disaster catastrophe toxic manipulation misconduct
            embezzle plague
        """,
        -2.5: "bankruptcy bankrupt crash collapse liquidation ponzi",
        -3.0: "wipeout worthless",
        0.0: """
            meeting listing building opening offering holding trading rating reporting operating
            shipping mixed flat unchanged steady inline neutral hold mill
        """,
    }
)

# Words of movement: sign and strength of the move, and whether they act on an object behind them
# ("cuts costs") or on what stands before them ("costs fall").
RISING = _weights(
    {
        2.5: "soar skyrocket",
        2.2: "surge jump spike rocket rally pop zoom",
        1.6: "climb leap swell balloon gallop",
        1.3: "regain rise gain advance grow increase expand widen accelerate mount higher more up upward",
        1.4: "improve",
        1.2: "raise lift hike boost add upsize rebuild strengthen",
    }
)
FALLING = _weights(
    {
        2.5: "plunge plummet crater nosedive crash",
        2.2: "tumble sink slump tank dive",
        1.6: "slide skid drop slip shed dwindle evaporate",
        1.4: "deteriorate worsen",
        1.3: """
            slower soften fall decline decrease shrink narrow contract decelerate lower fewer less down
            downward dip retreat
        """,
        1.2: "cut slash reduce trim pare curb weaken eliminate cool ease",
    }
)
# These act on what stands behind them, and say little without it.
ACTING = _set(
    """
    slower
    raise lift hike boost add increase cut slash reduce trim pare curb shed lower narrow widen
    expand shrink grow accelerate eliminate ease weaken strengthen more less fewer higher gain drop
    """
)

# What moves. Good when it rises:
GOOD_TO_RISE = _set(
    """
    gain net subscription
    profit profitability earnings eps revenue sales margin guidance outlook forecast dividend order
    backlog growth demand share stock volume delivery booking cash income subscriber customer user
    market futures index production output capacity target confidence spending traffic productivity
    price rating ebitda payout buyback estimate view projection occupancy return turnover stake
    premium value sentiment momentum upgrade liquidity shipment export capital surplus tsx nasdaq
    dow stoxx equity indices gdp hiring payroll
    """
)
# Bad when it rises:
BAD_TO_RISE = _set(
    """
    loss cost expense debt unemployment inflation claim layoff default churn provision complaint
    lawsuit tariff tax delay risk fear deficit inventory bankruptcy charge fine impairment
    delinquency outflow doubt concern pressure shortage competition jobless volatility redundancy
    emission recall worry uncertainty leverage burn loan
    """
)
# What stands behind these words explains a move, and does not move itself: "tumbles on default fears".
EXPLAINING = _set("on by with due over despite for ahead")
MONEY = _set("crore lakh million billion trillion bn mn money capital fund funds debt ncds")
# Neither: a move of these says nothing by itself. Jobs are no good news when they are cut.
NEITHER = _set("supply fund funding offering note bond rate term facility route version limit")
JOBS = _set("job staff worker workforce headcount employee position")

TARGETS = _set(
    """
    estimate expectation forecast consensus target view street prediction projection guidance line
    hope outlook
    """
)
PROMISES = _set("guidance outlook forecast dividend target view projection buyback estimate payout")
BEATING = _set("beat top exceed surpass outpace smash crush trounce better outstrip")
MISSING = _set("miss lag trail undershoot disappoint")
KEEPING = _set("maintain reaffirm keep reiterate affirm confirm hold leave meet")
DROPPING = _set("suspend scrap withdraw pull omit abandon axe cancel halt")
RETURNING = _set("reinstate resume restore initiate reintroduce start")

NEGATORS = _set(
    """
    not no never none without neither nor cannot cant wont dont doesnt isnt arent wasnt werent didnt
    hasnt havent wouldnt shouldnt couldnt aint hardly barely lack avoid avert deny escape dodge
    prevent unlikely rebut dispel remove end fix overturn
    """
)
# These negate and are bad in themselves.
FAILING = _set("fail failed struggle unable refuse")

STRONGER = {
    "sharply": 1.4, "strongly": 1.4, "significantly": 1.3, "massive": 1.4, "huge": 1.4, "massively": 1.4,
    "record": 1.3, "very": 1.2, "extremely": 1.5, "steep": 1.3, "steeply": 1.4, "far": 1.3, "insane": 1.4,
    "dramatically": 1.4, "biggest": 1.3, "major": 1.2, "severe": 1.4, "severely": 1.4, "much": 1.2,
    "big": 1.2, "markedly": 1.3, "worst": 1.2, "unexpectedly": 1.2, "unexpected": 1.2, "surprise": 1.2,
}  # fmt: skip
WEAKER = {
    "slightly": 0.5, "modestly": 0.6, "somewhat": 0.6, "marginally": 0.4, "barely": 0.4, "little": 0.4,
    "mildly": 0.5, "slight": 0.5, "modest": 0.6, "small": 0.6, "partly": 0.6,
}  # fmt: skip
MODALS = _set("could may might would if whether")
# After these stands what counts less; after "but" stands what counts more.
CONCEDING = _set("despite although though notwithstanding")
TURNING = _set("but however yet")
# Here something else begins: "plunges as lawsuits pile up" moves no lawsuit.
BREAKS = _set("as after while amid following when since because")
# What a share does is the market's own verdict.
SHARES = _set("share stock")

EMOJI = {
    "🚀": 2.0,
    "📈": 1.5,
    "📉": -1.5,
    "🐂": 1.5,
    "🐻": -1.5,
    "💎": 1.0,
    "💀": -1.5,
    "🔥": 1.0,
    "🤡": -1.0,
}
