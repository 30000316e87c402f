"""Apologies and refusals in eleven languages besides English, as they open an answer.

English has finer rules where it is looked for: those of curate were measured on labelled answers, those of eval tell an
apology from a refusal. The phrases here are said in the first person, so a text about apologies is none.
"""

from sftctl.pattern import Pattern


class Phrases:
    """Phrases that open an answer, and for speed a part of each: most openings hold none of these."""

    def __init__(self, parts: str, *phrases: str) -> None:
        self._parts = parts.split("|")
        self._phrases = Pattern("|".join(phrases))

    def open(self, opening: str) -> bool:
        """`opening`: the first few hundred characters in lower case, no white space before them, ’ written as '."""
        return any(part in opening for part in self._parts) and self._phrases.search(opening) is not None


_NOT_NAMED = r"(?! ist\b| is\b| es\b| é\b)"
"""Not behind a word that the text explains, as in `Perdón es una palabra`."""

SORRY = Phrases(
    "leid|entschuldig|verzeihung|spijt|excuse|désolé|navré|lo siento|lo lamento|disculp|perd|muito|lamento|"
    "desculp|dispiace|mi scus|chiedo scusa|przepraszam|przykro|извин|прост|прош|жаль|歉|对不起|對不起|遗憾|遺憾|"
    "申し訳|すみません|ごめん|죄송|미안",
    # German, Dutch
    r"\bes tut (?:mir|uns) (?:\w+ )?leid\b(?!,? (?:zu hören|das zu|dass (?:du|sie|ihr)))",
    rf"\A(?:entschuldigung|verzeihung|tut mir leid)\b{_NOT_NAMED}",
    r"\bich (?:bitte (?:\w+ )?um (?:entschuldigung|verzeihung)|(?:möchte|muss) mich (?:\w+ )?entschuldigen)\b",
    r"\bhet spijt (?:me|mij|ons)\b(?! (?:te horen|voor))|\bmijn (?:oprechte )?excuses\b"
    rf"|\Aexcuses\b{_NOT_NAMED}",
    # French, Spanish, Portuguese, Italian
    r"\bje suis (?:vraiment |sincèrement |profondément )?(?:désolée?|navrée?)\b"
    r"(?! (?:d'|que (?:tu|vous)|pour (?:vous|toi|ta|votre)))",
    r"\A(?:désolée?|navrée?|(?:toutes )?mes excuses)\b|\bje (?:m'excuse|vous prie de m'excuser)\b",
    rf"\blo (?:siento|lamento)\b(?! (?:mucho )?por (?:tu|su)){_NOT_NAMED}"
    rf"|\A(?:mis disculpas|disculp[ae]|perdón|perdona)\b{_NOT_NAMED}",
    r"\b(?:te|le|os|les) pido (?:disculpas|perdón)\b",
    r"\b(?:sinto|lamento) muito\b(?! (?:pel[ao]|por) (?:sua|seu))",
    rf"\A(?:desculpe?|perdão|minhas desculpas|lamento)\b{_NOT_NAMED}|\bpeço (?:\w+ )?desculpas?\b",
    r"\bmi (?:dispiace|scuso)\b(?! (?:di sapere|di sentire|che tu|per (?:te|lei|la sua|la tua)))|\bchiedo scusa\b",
    # Polish, Russian
    r"\A(?:bardzo )?przepraszam\b|\bprzykro mi\b(?! (?:to )?słyszeć|, że (?:tak|to|cię|ci|pan)\b)",
    r"\A(?:извините|простите|прошу прощения|приношу (?:свои )?извинения)\b",
    r"\bмне (?:очень )?жаль\b(?! (?:это )?слышать|, что (?:вы|ты|вам|тебе|у вас|у тебя)\b)",
    # Chinese, Japanese, Korean
    r"\A(?:非常|很|十分|真的|真)?(?:抱歉|对不起|對不起|遗憾|遺憾)(?!的?是)|我(?:对此)?(?:很|非常|深表|感到)?(?:抱歉|歉意)",
    r"申し訳(?:ありません|ございません|ないです)|\A(?:すみません|ごめんなさい)",
    r"\A(?:정말 |대단히 )?(?:죄송|미안)(?:합|하|해)",
)
"""Whoever says this is sorry for what follows, or for what it said before."""

UNFORTUNATELY = Phrases(
    "leider|helaas|malheureusement|lamentablemente|desafortunadamente|por desgracia|infelizmente|purtroppo|"
    "niestety|к сожалению|不幸|残念ながら|유감스럽게도|안타깝게도",
    r"(?:\A|[.!?] )(?:leider|helaas|malheureusement|lamentablemente|desafortunadamente|por desgracia|infelizmente"
    r"|purtroppo|niestety|к сожалению)\b",
    r"\A(?:很不幸|不幸的是|残念ながら|유감스럽게도|안타깝게도)",
)
"""Opens a sentence. From an assistant it is an apology, yet no refusal: an answer may follow."""

WILL_NOT = Phrases(
    "ich kann|ich darf|ich werde|ich bin|ik kan|ik mag|ik zal|ik ben|je ne |no pued|no podr|no soy|no estoy|"
    "no me es|não |non |nie |я не|无法|無法|不能|没办法|不可以|でき|かね|없|いません|"
    "ありません|않|als ki|als ai|als ein|als künst|als sprach|als taal|en tant qu|"
    "como | ia|intelligenza art|modello ling|jako |как |作为",
    # German, Dutch
    r"\bich (?:kann|darf|werde) (?:\w+,? ){0,5}(?:nicht|keine?[nr]?) (?:\w+,? ){0,4}(?:helfen|weiterhelfen|beantworten"
    r"|geben|erstellen|schreiben|unterstützen|machen|bereitstellen|anbieten|nennen|teilen)\b",
    r"\bich bin (?:leider )?nicht (?:in der lage|befugt|berechtigt|dazu programmiert)\b",
    r"\bik (?:kan|mag|zal) (?:\w+,? ){0,4}(?:niet|geen) (?:\w+ ){0,3}(?:helpen|beantwoorden|geven|schrijven|maken"
    r"|bieden|delen|doen|verstrekken)\b|\bik ben niet (?:in staat|bevoegd)\b",
    # French, Spanish, Portuguese, Italian
    r"\bje ne (?:peux|puis) (?:malheureusement )?pas (?:\w+[ ']){0,2}(?:aider|répondre|fournir|donner|écrire|créer"
    r"|assister|partager|proposer|faire)\b|\bje ne suis pas (?:en mesure|autorisée?|capable|habilitée?)\b",
    r"\bno (?:puedo|podré) (?:\w+ ){0,2}(?:ayudar|responder|proporcionar|dar|escribir|crear|ofrecer|compartir|cumplir)",
    r"\bno (?:soy capaz|estoy autorizad[oa]|me es posible)\b",
    r"\bnão (?:posso|poderei|consigo) (?:\w+ ){0,2}(?:ajud|respond|fornec|dar|escrev|cri|oferec|compartilh|atend)",
    r"\bnão (?:sou capaz|estou autorizad[oa])\b",
    r"\bnon (?:posso|potrò) (?:\w+ ){0,2}(?:aiutar|risponder|fornir|dar|scriver|crear|offrir|condivider)",
    r"\bnon (?:sono in grado|sono autorizzat[oa]|mi è possibile)\b",
    # Polish, Russian
    r"\bnie mogę (?:\w+ ){0,2}(?:pomóc|odpowiedzieć|podać|udzielić|napisać|stworzyć|udostępnić)\b",
    r"\bnie jestem w stanie\b|\bя не в состоянии\b",
    r"\bя не (?:могу|смогу) (?:\w+ ){0,2}(?:помочь|ответить|предоставить|дать|написать|создать|выполнить)\b",
    # Chinese, Japanese, Korean
    r"我(?:目前|现在)?(?:无法|無法|不能|没办法|不可以)(?:为您|为你|给您|给你|直接)?"
    r"(?:提供|帮|協助|协助|回答|满足|给|給|写|生成|讨论|执行)",
    r"(?:お答え|お手伝い|ご提供|提供|回答|対応)(?:する(?:こと|の)は)?"
    r"(?:でき(?:ません|ない|なく|ず|かね)|いたしかね|致しかね)",
    r"(?:도와|답변|제공|대답|작성)\w*(?: 드릴| 할|드릴|할)? 수(?:가|는)? 없(?!는)",
    # What an artificial intelligence has not, in the order above
    r"\bals (?:eine? |een )?(?:ki|ai|künstliche intelligenz|(?:ki-|ai-)?(?:sprachmodell|taalmodel))\b"
    r"(?=[^.!?]{0,60}\b(?:ich|mir|ik|mij)\b)[^.!?]{0,120}\b(?:nicht|keine?[nr]?|niet|geen)\b",
    r"\ben tant qu(?:e |')(?:\w+ )?(?:ia|intelligence artificielle|modèle de langage)\b[^.!?]{0,120}\b(?:ne |n'|pas\b)",
    r"\bcomo (?:una? |uma? )?(?:ia|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem))\b"
    r"[^.!?]{0,120}\b(?:no|não) (?:(?:me|te|le|les|lhe|lo|la) )?(?:puedo|tengo|poseo|soy|estoy|debo|siento|experimento"
    r"|dispongo|cuento|posso|tenho|possuo|sou|estou|devo|sinto|consigo|disponho)\b",
    r"\b(?:in quanto|come) (?:\w+ )?(?:ia|intelligenza artificiale|modello linguistico)\b"
    r"[^.!?]{0,120}\bnon (?:(?:mi|ti|le|vi) )?(?:posso|ho|sono|provo|possiedo|devo|so|sento|dispongo)\b",
    r"\bjako (?:model językowy|sztuczna inteligencja|ai)\b[^.!?]{0,120}"
    r"\bnie (?:mogę|mam|jestem|posiadam|potrafię|odczuwam|czuję|doświadczam)\b",
    r"\bкак (?:ии|искусственный интеллект|языковая модель)\b(?:,|[^.!?]{0,40}\bя\b)[^.!?]{0,120}\bне\b",
    r"作为(?:一个|一名|一款)?(?:ai|人工智能|大型?语言模型|语言模型)(?:语言模型|助手|助理|模型|程序)?[，,]?\s*"
    r"(?:我(?!们)[^。]{0,60})?(?:无法|不能|没有|不会)",
    r"(?:ai|人工知能|言語モデル)(?:として|ですので|なので)[^。]{0,60}(?:できません|ありません|いません)",
    r"(?:ai|인공지능|언어 모델)(?:로서|이기 때문에|이므로)[^.]{0,60}(?:없|않)",
)
"""What the model says that it cannot, may not or will not do."""
